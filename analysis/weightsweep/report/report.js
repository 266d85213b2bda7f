// The page: fills itself from the data that it holds, or asks for it again and again when it watches a sweep.
(() => {
  const element = (id) => document.getElementById(id);
  let content = JSON.parse(element("data").textContent);

  function list(parent, tag, texts) {
    element(parent).replaceChildren(...texts.map((text) => {
      const item = document.createElement(tag);
      item.textContent = text;
      return item;
    }));
  }

  function failures() {
    const at = Object.fromEntries(content.columns.map((head, column) => [head.name, column]));
    const lost = content.rows.filter((row) => ["failed", "diverged"].includes(row[at.status]));
    const axes = content.axes.filter((name) => name !== "run_id");
    const settings = (row) => axes.map((name) => `${name} ${table.format(row[at[name]], content.columns[at[name]])}`).join(", ");
    list("failures", "li", lost.length ? lost.map((row) =>
      `${row[at.run_id]}${axes.length ? ` (${settings(row)})` : ""}: ${row[at.status]} after ${row[at.steps_done].toLocaleString("en")} step${row[at.steps_done] === 1 ? "" : "s"}${row[at.message] ? `: ${row[at.message]}` : ""}`)
      : ["No run."]);
  }

  function fill() {
    element("name").textContent = content.name;
    const counts = Object.entries(content.counts).map(([status, count]) => `${count.toLocaleString("en")} ${status}`).join(", ");
    element("summary").textContent = `${content.rows.length.toLocaleString("en")} runs: ${counts}. ${content.source}, begun ${content.created}.`;
    element("resolved").textContent = content.resolved;
    element("versions").tBodies[0].replaceChildren(...content.versions.map(([name, version]) => {
      const row = document.createElement("tr");
      row.insertCell().textContent = name;
      row.insertCell().textContent = version;
      return row;
    }));
    failures();
    show();
  }

  function show() {
    curves.show(content, table.draw(show));
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

  table.start(content, show);
  curves.prepare();
  fill();
  if (content.refresh) setTimeout(refresh, 1000 * content.refresh);
})();
