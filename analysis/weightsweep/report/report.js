"use strict";
// The page: fills itself from the data that it holds, or requests them again and again when it watches a sweep.
(() => {
  const element = (id) => document.getElementById(id);
  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  let content = JSON.parse(element("data").textContent);

  function failures() {
    const [status, done, message] = ["status", "steps_done", "message"].map(table.find);
    const lost = [...Array(content.count).keys()].filter((place) => ["failed", "diverged"].includes(table.cell(place, status)));
    element("failures").replaceChildren(...(lost.length ? lost.map((place) => {
      const why = table.cell(place, message);
      return `${content.names[place]}: ${table.cell(place, status)} after ${plural(table.cell(place, done), "step")}${why ? `: ${why}` : ""}`;
    }) : ["No run."]).map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  }

  function time(seconds) {
    const [size, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"]].find(([each]) => seconds >= 1.5 * each) || [1, "second"];
    return plural(Math.round(seconds / size), unit);
  }

  function progress() {
    element("progress").hidden = !content.progress;
    if (!content.progress) return;
    const { fraction, seconds_left: left } = content.progress;
    element("bar").value = fraction;
    const percent = (Math.floor(1000 * fraction) / 10).toFixed(1), told = fraction < 1 && left !== null ? `, about ${time(left)} left` : "";
    element("left").textContent = `${percent} % of the work done${told}`;
  }

  function fill() {
    element("name").textContent = content.name;
    const counts = Object.entries(content.counts).map(([status, count]) => `${count.toLocaleString("en")} ${status}`).join(", ");
    element("summary").textContent = `${plural(content.count, "run")}: ${counts}. ${content.source}, created ${content.created}.`;
    element("resolved").textContent = content.resolved;
    element("versions").tBodies[0].replaceChildren(...content.versions.map(([name, version]) => {
      const row = document.createElement("tr");
      row.insertCell().textContent = name;
      row.insertCell().textContent = version;
      return row;
    }));
    progress();
    failures();
    answer.show(content);
    show();
  }

  function show() {
    const places = table.draw();
    curves.show(content, places);
    explore.show(content, places);
  }

  function light(place) {
    curves.light(place);
    explore.light(place);
  }

  function notice(text) {
    element("notice").hidden = !text;
    element("notice").textContent = text;
  }

  async function refresh() {
    try {
      const answer = await fetch("data.json", { cache: "no-store" });
      const fresh = await answer.json();
      if (!answer.ok) throw new Error(fresh.error);
      content = { ...fresh, refresh: content.refresh };
      table.update(content);
      fill();
      notice("");
    } catch (error) {
      notice(error instanceof TypeError ? "The server has stopped; the page shows the last data." : `Not refreshed: ${error.message}`);
    }
    setTimeout(refresh, 1000 * content.refresh);
  }

  function press(event) {
    if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    element("filter").focus();
  }

  table.start(content, show, light);
  curves.prepare(content);
  explore.prepare(content);
  answer.prepare(content, light);
  fill();
  document.addEventListener("keydown", press);
  for (const link of document.querySelectorAll("nav a")) link.addEventListener("click", (event) => { // the address holds the state
    event.preventDefault();
    document.querySelector(link.getAttribute("href")).scrollIntoView();
  });
  for (const button of document.querySelectorAll(".save")) button.addEventListener("click", () => {
    const link = document.createElement("a"), picture = chart.picture(element(button.dataset.chart));
    const file = URL.createObjectURL(new Blob([picture], { type: "image/svg+xml" }));
    link.href = file;
    link.download = `${content.name.replace(/[^\w.-]+/g, "-").slice(0, 60)}-${button.dataset.chart}.svg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(file), 10000);
  });
  if (content.refresh) setTimeout(refresh, 1000 * content.refresh);
})();
