"use strict";
// Runs as points: a scatter of any two columns coloured by a third, and parallel coordinates of the axes and R^2.
const explore = (() => {
  const RAMP = ["#6a3fb5", "#3f73d8", "#1fa3a0", "#6fc24a", "#eac21b"]; // lightness grows with the value; readable on white and on black
  const HEIGHT = 330, TOP = 46, BOTTOM = 26, SIDE = 60;
  const element = (id) => document.getElementById(id);
  let content, places = [], lit = null;

  const channel = (colour, at) => parseInt(colour.slice(1 + 2 * at, 3 + 2 * at), 16);
  function ramp(share) {
    const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
    return `rgb(${[0, 1, 2].map((each) => Math.round(channel(RAMP[low], each) * (low + 1 - at) + channel(RAMP[low + 1], each) * (at - low))).join()})`;
  }

  const kind = (head) => element("plain").checked && head.scale !== "category" ? "linear" : head.scale;

  // A column as an axis: its scale, and the value of a run on it. Text and lists have one place per value.
  function axis(head) {
    const known = places.map((place) => table.cell(place, head)).filter((value) => value !== null);
    const values = head.scale === "category" && table.sorted(new Set(known), head), label = head.percent ? `${head.name} (%)` : head.name;
    const at = (place) => values ? (table.cell(place, head) === null ? null : values.indexOf(table.cell(place, head))) : table.cell(place, head);
    const marks = !head.percent && [...new Set(known)].sort((a, b) => a - b);
    return { head, at, marks: marks && marks.length <= 8 ? marks : null, values: values && values.map((value) => table.format(value, head) || "none"), kind: kind(head), label, percent: head.percent };
  }

  // Share of a run between the smallest and the largest value of the axis; NaN without a value.
  function shares(own) {
    const to = chart.SCALES[own.kind].to, [low, high] = chart.limits(own, places.map(own.at), null);
    return (place) => own.at(place) === null ? NaN : (to(own.at(place)) - low) / (high - low);
  }

  function scatter() {
    const heads = ["scatter-x", "scatter-y", "scatter-colour"].map((id) => table.find(element(id).value));
    const [x, y] = heads.slice(0, 2).map(axis), third = heads[2] && axis(heads[2]), share = third && shares(third), few = third && third.values && third.values.length <= 7;
    const spread = (place) => (place * 0.618034 % 1 - 0.5) * 0.5; // runs of one category stand beside each other
    const point = (place) => ({ x: x.at(place) === null ? null : x.at(place) + (x.values ? spread(place) : 0), y: y.at(place) === null ? null : y.at(place) + (y.values ? spread(place) : 0),
      run: place, text: [content.names[place], ...heads.filter(Boolean).map((head) => `${head.name} ${table.format(table.cell(place, head), head)}`)].join("\n"),
      fill: share && !few ? Number.isNaN(share(place)) ? "#999" : ramp(share(place)) : undefined });
    const drawn = places.filter((place) => x.at(place) !== null && y.at(place) !== null);
    const groups = few ? third.values.map((value, at) => [`${third.head.name} ${value}`, drawn.filter((place) => third.at(place) === at), at]) : [[undefined, drawn, 0]];
    chart.draw(element("scatter"), { key: [...heads.map((head) => head && head.name), x.kind, y.kind].join(), x, y, pick,
      series: groups.map(([name, list, at]) => ({ name, place: at, line: false, marks: 4, points: list.map(point) })) });
    const ends = share && !few && [...places].filter((place) => !Number.isNaN(share(place))).sort((a, b) => share(a) - share(b));
    element("ramp").hidden = !ends || !ends.length;
    if (!element("ramp").hidden) element("ramp").replaceChildren(`${third.head.name} ${table.format(table.cell(ends[0], third.head), third.head)} `, bar(), ` ${table.format(table.cell(ends[ends.length - 1], third.head), third.head)}`);
  }

  function bar() {
    const made = document.createElement("span");
    made.style.background = `linear-gradient(to right, ${RAMP.join()})`;
    return made;
  }

  function pick(place) {
    table.mark(place);
    light(place);
  }

  // One vertical line per axis, one line per run, coloured by R^2. Dragging along an axis adds its range to the filter.
  function parallel() {
    const holder = element("parallel"), heads = [...content.axes.filter((name) => name !== "run_id"), "r2"].map(table.find), own = heads.map(axis);
    const wide = Math.max(holder.clientWidth, 110 * own.length), svg = chart.node(null, "svg", { viewBox: `0 0 ${wide} ${HEIGHT}`, width: wide, height: HEIGHT, role: "img", "aria-label": `parallel coordinates of ${heads.map((head) => head.name).join(", ")}` });
    const left = (at) => SIDE + at * (wide - 2 * SIDE) / Math.max(own.length - 1, 1), height = HEIGHT - TOP - BOTTOM, share = own.map(shares), last = share[share.length - 1];
    for (const place of [...places].sort((a, b) => (last(a) || 0) - (last(b) || 0))) { // the best on top
      const points = share.map((each, at) => [left(at), TOP + (1 - each(place)) * height]).filter(([, y]) => !Number.isNaN(y));
      const line = chart.node(svg, "path", { d: `M${points.map((each) => each.map((value) => value.toFixed(1)).join()).join("L")}`, class: "run", "data-place": place });
      line.style.stroke = Number.isNaN(last(place)) ? "#999" : ramp(last(place));
      chart.node(line, "title", {}, `${content.names[place]}\nR² ${table.format(table.cell(place, heads[heads.length - 1]), heads[heads.length - 1])}`);
      line.addEventListener("click", () => pick(place));
    }
    own.forEach((each, at) => {
      const limits = chart.limits(each, places.map(each.at), null), group = chart.node(svg, "g", { class: "axes" });
      chart.node(group, "path", { d: `M${left(at)},${TOP}V${TOP + height}`, class: "frame" });
      chart.node(group, "text", { x: left(at), y: TOP - 24 + 12 * (at % 2), "text-anchor": "middle", class: "name" }, each.label);
      for (const [value, text] of chart.ticks(each, limits, 6)) chart.node(group, "text", { x: left(at) - 6, y: TOP + (limits[1] - value) / (limits[1] - limits[0]) * height + 4, "text-anchor": "end" }, text);
      brush(svg, each, limits, left(at), height);
    });
    holder.replaceChildren(svg);
    light(lit);
  }

  function brush(svg, own, [low, high], left, height) {
    const area = chart.node(svg, "rect", { x: left - 14, y: TOP - 4, width: 28, height: height + 8, class: "brush" }), box = chart.node(svg, "rect", { x: left - 7, width: 14, height: 0, class: "box" });
    const at = (event) => Math.min(Math.max(event.clientY - svg.getBoundingClientRect().top, TOP), TOP + height);
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
      const ends = [from, at(event)].sort((a, b) => b - a).map((y) => high - (y - TOP) / height * (high - low)); // the lower value first
      from = null;
      if (Math.abs(ends[1] - ends[0]) > 0.02 * (high - low)) table.narrow(condition(own, ends));
      else box.setAttribute("height", 0);
    });
  }

  function condition(own, [low, high]) {
    const name = own.head.name, from = chart.SCALES[own.kind].from;
    if (!own.values) return [low, high].map((at, end) => `${name}${end ? "<=" : ">="}${Number(from(at).toPrecision(6))}`).join(" ");
    const inside = own.values.filter((_, place) => place >= low - 0.5 && place <= high + 0.5).map((value) => `${name}=${/\s/.test(value) ? `"${value}"` : value === "none" ? '""' : value}`);
    return inside.length > 1 ? `(${inside.join(" OR ")})` : inside.join();
  }

  function light(place) {
    lit = place ?? null;
    chart.light(element("scatter"), lit);
    for (const line of element("parallel").querySelectorAll(".run")) line.classList.toggle("lit", lit !== null && Number(line.dataset.place) === lit);
    element("parallel").classList.toggle("dimmed", lit !== null);
  }

  function offer() {
    const names = content.columns.filter((head) => head.values && head.name !== "message").map((head) => head.name);
    for (const [id, first] of [["scatter-x", content.axes.find((name) => names.includes(name) && !["unknowns", "equations", "seed"].includes(name)) || names[0]], ["scatter-y", "r2"], ["scatter-colour", content.axes[0] || ""]]) {
      const select = element(id), value = select.value, options = id === "scatter-colour" ? ["", ...names] : names;
      if ([...select.options].map((option) => option.value).join() === options.join()) continue;
      select.replaceChildren(...options.map((name) => new Option(name || "no colour", name)));
      select.value = options.includes(value) && value ? value : first;
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
      let wide = element("parallel").clientWidth;
      new ResizeObserver(() => { if (element("parallel").clientWidth && element("parallel").clientWidth !== wide) { wide = element("parallel").clientWidth; parallel(); } }).observe(element("parallel"));
    },
    show(data, shown) {
      [content, places] = [data, shown];
      offer();
      draw();
    },
  };
})();
