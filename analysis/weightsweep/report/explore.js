"use strict";
// Runs as points: a scatter of any two columns coloured by a third, and parallel coordinates of the axes and R^2.
const explore = (() => {
  const RAMP = ["#6a3fb5", "#3f73d8", "#1fa3a0", "#6fc24a", "#eac21b"]; // readable on white and on black
  const UNKNOWN = "#999", FEW = 7; // colour of runs without a value; texts up to which each has a colour of its own
  const HEIGHT = 330, TOP = 46, BOTTOM = 26, SIDE = 60;
  const element = (id) => document.getElementById(id);
  let content, places = [], lit = null;

  const channel = (colour, at) => parseInt(colour.slice(1 + 2 * at, 3 + 2 * at), 16);
  function ramp(share) {
    if (Number.isNaN(share)) return UNKNOWN;
    const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
    const mixed = [0, 1, 2].map((each) => channel(RAMP[low], each) * (low + 1 - at) + channel(RAMP[low + 1], each) * (at - low));
    return `rgb(${mixed.map(Math.round).join()})`;
  }

  // A column as an axis: its scale, and the place of a run on it (null without a value). Text and lists have one place per value.
  function axis(head) {
    const value = (place) => table.cell(place, head), known = [...new Set(places.map(value).filter((each) => each !== null))];
    const texts = head.scale === "category" ? table.sorted(known, head) : null;
    const plain = element("plain").checked || (head.scale === "stretched" && !known.some((each) => each > 0)); // it draws R^2 below 0 at 0
    return {
      head, texts, percent: head.percent, label: head.percent ? `${head.name} (%)` : head.name,
      kind: plain && !texts ? "linear" : head.scale,
      values: texts && texts.map((each) => table.format(each, head) || "none"),
      marks: texts || head.percent || known.length > 8 ? null : known.sort((a, b) => a - b),
      at: (place) => value(place) === null ? null : texts ? texts.indexOf(value(place)) : value(place),
    };
  }

  // Share of a run between the smallest and the largest value of the axis; NaN without a value.
  function shares(own) {
    const to = chart.SCALES[own.kind].to, [low, high] = chart.limits(own, places.map(own.at), null);
    return (place) => own.at(place) === null ? NaN : (to(own.at(place)) - low) / (high - low);
  }

  const shown = (place, head) => table.format(table.cell(place, head), head);

  function scatter() {
    const heads = ["scatter-x", "scatter-y", "scatter-colour"].map((id) => table.find(element(id).value)).filter(Boolean);
    const [x, y, third] = heads.map(axis), few = third && third.texts && third.texts.length <= FEW, share = third && !few ? shares(third) : null;
    const spread = (own, place) => own.at(place) + (own.texts ? (place * 0.618034 % 1 - 0.5) * 0.5 : 0); // runs of one text stand beside each other
    const point = (place) => ({
      x: spread(x, place), y: spread(y, place), run: place, fill: share ? ramp(share(place)) : undefined,
      text: [content.names[place], ...heads.map((head) => `${head.name} ${shown(place, head)}`)].join("\n"),
    });
    const drawn = places.filter((place) => x.at(place) !== null && y.at(place) !== null);
    const series = (name, at, list) => ({ name, place: at, line: false, marks: 4, points: list.map(point) });
    chart.draw(element("scatter"), {
      key: [...heads.map((head) => head.name), x.kind, y.kind].join(), x, y, pick,
      series: !few ? [series(undefined, 0, drawn)]
        : third.values.map((value, at) => series(`${third.head.name} ${value}`, at, drawn.filter((place) => third.at(place) === at))),
    });
    scale(third, share);
  }

  // The colours of the scatter beside its controls, with the smallest and the largest value.
  function scale(third, share) {
    const known = share ? places.filter((place) => !Number.isNaN(share(place))).sort((a, b) => share(a) - share(b)) : [];
    element("ramp").hidden = !known.length;
    if (!known.length) return;
    const bar = document.createElement("span");
    bar.style.background = `linear-gradient(to right, ${RAMP.join()})`;
    element("ramp").replaceChildren(`${third.head.name} ${shown(known[0], third.head)} `, bar, ` ${shown(known[known.length - 1], third.head)}`);
  }

  function pick(place) {
    table.mark(place);
    light(place);
  }

  // One vertical line per axis, one line per run, coloured by R^2. Dragging along an axis adds its range to the filter.
  function parallel() {
    const holder = element("parallel"), r2 = table.find("r2");
    const own = [...content.axes.filter((name) => name !== "run_id").map(table.find), r2].map(axis), share = own.map(shares), colour = share[own.length - 1];
    const wide = Math.max(holder.clientWidth, 110 * own.length), height = HEIGHT - TOP - BOTTOM;
    const texts = own.slice(0, 1).flatMap((each) => chart.ticks(each, chart.limits(each, places.map(each.at), null), 6)).map(([, text]) => text.length);
    const side = Math.max(SIDE, 12 + 7 * Math.max(0, ...texts)); // room for the ticks of the first axis
    const left = (at) => side + at * (wide - SIDE - side) / Math.max(own.length - 1, 1);
    const svg = chart.node(null, "svg", {
      viewBox: `0 0 ${wide} ${HEIGHT}`, width: wide, height: HEIGHT, role: "img",
      "aria-label": `parallel coordinates of ${own.map((each) => each.label).join(", ")}`,
    });
    for (const place of [...places].sort((a, b) => (colour(a) || 0) - (colour(b) || 0))) { // the best on top
      const points = share.map((each, at) => [left(at), TOP + (1 - each(place)) * height]).filter(([, y]) => !Number.isNaN(y));
      const path = points.map((each) => each.map((value) => value.toFixed(1)).join()).join("L");
      const line = chart.node(svg, "path", { d: path && `M${path}`, class: "run", "data-place": place });
      line.style.stroke = ramp(colour(place));
      chart.node(line, "title", {}, `${content.names[place]}\nR² ${shown(place, r2)}`);
      line.addEventListener("click", () => pick(place));
    }
    own.forEach((each, at) => {
      const limits = chart.limits(each, places.map(each.at), null), group = chart.node(svg, "g", { class: "axes" });
      const up = (value) => TOP + (limits[1] - value) / (limits[1] - limits[0]) * height;
      chart.node(group, "path", { d: `M${left(at)},${TOP}V${TOP + height}`, class: "frame" });
      chart.node(group, "text", { x: left(at), y: TOP - 24 + 12 * (at % 2), "text-anchor": "middle", class: "name" }, each.label);
      for (const [value, text] of chart.ticks(each, limits, 6)) {
        chart.node(group, "text", { x: left(at) - 6, y: up(value) + 4, "text-anchor": "end" }, text);
      }
      brush(svg, each, limits, left(at), height);
    });
    holder.replaceChildren(svg);
    light(lit);
  }

  function brush(svg, own, [low, high], left, height) {
    const area = chart.node(svg, "rect", { x: left - 14, y: TOP - 4, width: 28, height: height + 8, class: "brush" });
    const box = chart.node(svg, "rect", { x: left - 7, width: 14, height: 0, class: "box" });
    const at = (event) => Math.min(Math.max(event.clientY - svg.getBoundingClientRect().top, TOP), TOP + height);
    const value = (y) => high - (y - TOP) / height * (high - low);
    let from = null;
    area.addEventListener("pointerdown", (event) => {
      from = at(event);
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      if (from === null) return;
      box.setAttribute("y", Math.min(from, at(event)));
      box.setAttribute("height", Math.abs(from - at(event)));
    });
    area.addEventListener("pointerup", (event) => {
      const ends = [from, at(event)].map(value).sort((a, b) => a - b);
      from = null;
      if (ends[1] - ends[0] > 0.02 * (high - low)) table.narrow(condition(own, ends));
      else box.setAttribute("height", 0);
    });
  }

  // The range of an axis as a condition of the filter.
  function condition(own, [low, high]) {
    const name = own.head.name, number = (at) => Number(chart.SCALES[own.kind].from(at).toPrecision(6));
    if (!own.texts) return `${name}>=${number(low)} ${name}<=${number(high)}`;
    const inside = own.texts.filter((_, place) => place >= low - 0.5 && place <= high + 0.5);
    const parts = inside.map((value) => `${name}=${value === "" || /\s/.test(value) ? `"${value}"` : value}`);
    return parts.length > 1 ? `(${parts.join(" OR ")})` : parts.join();
  }

  function light(place) {
    lit = place ?? null;
    chart.light(element("scatter"), lit);
    const old = element("parallel").querySelector(".run.lit"), own = lit === null ? null : element("parallel").querySelector(`[data-place="${lit}"]`);
    if (old) old.classList.remove("lit");
    if (own) own.classList.add("lit");
    element("parallel").classList.toggle("dimmed", own !== null);
  }

  function offer() {
    const names = content.columns.filter((head) => head.values && head.name !== "message").map((head) => head.name);
    const values = (name) => new Set(table.find(name).values).size, axes = content.axes.filter((name) => names.includes(name) && name !== "seed");
    const [first, second] = axes.sort((a, b) => values(b) - values(a)); // the sort is stable
    for (const [id, start] of [["scatter-x", first || names[0]], ["scatter-y", "r2"], ["scatter-colour", second || ""]]) {
      const select = element(id), value = select.value, options = id === "scatter-colour" ? ["", ...names] : names;
      if ([...select.options].map((option) => option.value).join() === options.join()) continue;
      select.replaceChildren(...options.map((name) => new Option(name || "no colour", name)));
      select.value = options.includes(value) && value ? value : start;
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    }
  }

  function draw() {
    scatter();
    parallel();
  }

  return {
    light,
    prepare(data) {
      content = data;
      offer();
      for (const id of ["scatter-x", "scatter-y", "scatter-colour", "plain"]) state.bind(id, draw);
      chart.onResize(element("parallel"), parallel);
    },
    show(data, drawn) {
      [content, places] = [data, drawn];
      offer();
      draw();
    },
  };
})();
