"use strict";
// Charts as SVG: scales, axes, lines with bands, points with intervals, legend and tooltip. Colours are CSS classes, so that
// dark mode and paper have their own. Drag to zoom, double-click or 0 to zoom out, + - and arrows on the keyboard.
const chart = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const COLOURS = 7, DASHES = ["", "7 4", "2 3", "9 3 2 3", "14 4", "5 2 1 2 1 2"];
  const BANDS = 4; // bands that can be told apart; of more, only that of the line under the pointer is shown
  const REACH = 40; // pixels from the pointer to the nearest point of a tooltip
  const states = new WeakMap();

  const node = (parent, tag, attributes = {}, text) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const number = (value) => Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 12 });
  const percent = (value) => String(Number((100 * value).toPrecision(8)));

  // Values at equal distances: 1, 2 or 5 times a power of ten.
  function even(low, high, count) {
    const raw = (high - low) / Math.max(count, 1), power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999), found = [];
    for (let place = Math.ceil(low / step - 1e-9); place * step <= high + 1e-9 * step; place++) found.push(place * step);
    return found;
  }
  // Returns the values between low and high of the first list with three to count + 2 such values, else evenly spaced values.
  const among = (lists, low, high, count) => lists.map((list) => list.filter((value) => value >= low && value <= high))
    .find((list) => list.length >= 3 && list.length <= count + 2) || even(low, high, count);
  const powers = Array.from({ length: 37 }, (_, place) => place - 18);
  const decades = (digits) => powers.flatMap((power) => digits.map((digit) => digit * 10 ** power));
  const rest = (digits) => decades(digits).filter((value) => value <= 1).map((value) => 1 - value);

  // Each scale maps a value to a coordinate along which the axis is linear, and back.
  const SCALES = {
    linear: { to: (value) => value, from: (at) => at, ticks: even },
    log: { to: (value) => value > 0 ? Math.log10(value) : NaN, from: (at) => 10 ** at,
      ticks: (low, high, count) => among([decades([1, 2, 5]), decades([1])], low, high, count) },
    stretched: { to: (value) => -Math.log10(Math.min(Math.max(1 - value, 1e-9), 1)), // R^2 below 0 is drawn at 0
      from: (at) => 1 - 10 ** -at,
      ticks: (low, high, count) => among([rest([1, 2, 5]), rest([1])], Math.max(low, 0), high, count) },
    category: { to: (value) => value, from: (at) => at },
  };

  // Limits of an axis in coordinates of its scale: those of the zoom, of the specification, or of the data with a margin.
  function limits(axis, values, zoom) {
    if (zoom) return zoom;
    if (axis.kind === "category") return [-0.5, axis.values.length - 0.5];
    const to = SCALES[axis.kind].to;
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      const at = value === null ? NaN : to(value);
      if (at < low) low = at;
      if (at > high) high = at;
    }
    const [least, most] = (axis.range || [NaN, NaN]).map(to); // NaN: no limit
    if (least > low) low = least;
    if (most < high) high = most;
    if (!(low <= high)) return [0, 1];
    const margin = high > low ? 0.03 * (high - low) : Math.abs(high) * 0.05 || 0.5;
    return [low - margin, high + margin];
  }

  function ticks(axis, [low, high], count) {
    const inside = ([at]) => at >= low && at <= high;
    if (axis.kind === "category") return axis.values.map((text, place) => [place, text]).filter(inside);
    const { to, from, ticks: spread } = SCALES[axis.kind], form = axis.percent ? percent : number;
    const own = (axis.marks || []).map((value) => [to(value), form(value)]).filter(inside); // few values: they are the ticks
    const near = own.some(([at], place) => place && (at - own[place - 1][0]) / (high - low) < 0.5 / count);
    return own.length && !near ? own : spread(from(low), from(high), count).map((value) => [to(value), form(value)]);
  }

  function axes(state, frame, spec) {
    const { left, top, width, height, x, y } = frame, group = node(state.svg, "g", { class: "axes" });
    const across = ticks(spec.x, frame.xs, width / (spec.x.kind === "log" ? 60 : 90)), room = width / Math.max(across.length, 1);
    const turned = spec.x.kind === "category" && across.some(([, text]) => 6.6 * text.length > room);
    for (const [at, text] of across) {
      if (spec.x.kind !== "category") node(group, "line", { x1: x(at), x2: x(at), y1: top, y2: top + height, class: "grid" });
      const where = turned ? { transform: `translate(${x(at) + 4},${top + height + 14}) rotate(-25)`, "text-anchor": "end" }
        : { x: x(at), y: top + height + 17, "text-anchor": "middle" };
      const label = node(group, "text", where, turned && text.length > 16 ? `${text.slice(0, 15)}…` : text);
      node(label, "title", {}, text);
    }
    for (const [at, text] of ticks(spec.y, frame.ys, height / 45)) {
      node(group, "line", { x1: left, x2: left + width, y1: y(at), y2: y(at), class: "grid" });
      node(group, "text", { x: left - 7, y: y(at) + 4, "text-anchor": "end" }, text);
    }
    node(group, "path", { d: `M${left},${top}V${top + height}H${left + width}`, class: "frame" });
    const named = { "text-anchor": "middle", class: "name" };
    node(group, "text", { x: left + width / 2, y: top + height + frame.below - 6, ...named }, spec.x.label);
    node(group, "text", { transform: `translate(13,${top + height / 2}) rotate(-90)`, ...named }, spec.y.label);
  }

  // `place` chooses colour and dash: COLOURS * DASHES combinations differ.
  const look = (place) => ({ class: `s${place % COLOURS}`, dash: DASHES[Math.floor(place / COLOURS) % DASHES.length] });

  function plot(state, frame, series) {
    const { class: colour, dash } = look(series.place);
    const few = state.spec.series.filter((each) => each.band).length <= BANDS;
    const group = node(state.inside, "g", { class: `series ${series.grey ? "grey" : colour}${few ? " few" : ""}` });
    const across = (value) => frame.x(frame.tox(value)), up = (value) => frame.y(frame.toy(value));
    const at = series.points.map((point) => [across(point.x), up(point.y), point]).filter(([x, y]) => !Number.isNaN(x + y));
    const banded = at.filter(([, , point]) => point.low !== undefined && point.low !== null);
    const path = (points) => points.map((each) => each.map((value) => value.toFixed(1)).join()).join("L");
    if (series.band && banded.length > 1) {
      const upper = banded.map(([x, , point]) => [x, up(point.high)]), lower = banded.map(([x, , point]) => [x, up(point.low)]);
      node(group, "path", { d: `M${path([...upper, ...lower.reverse()])}Z`, class: "band" });
    }
    if (series.line !== false && at.length > 1) {
      node(group, "path", { d: `M${path(at.map(([x, y]) => [x, y]))}`, class: "line", "stroke-dasharray": dash });
    }
    for (const [x, , point] of series.band ? [] : banded) {
      node(group, "path", { d: `M${x},${up(point.low)}V${up(point.high)}`, class: "interval" });
    }
    for (const [x, y, point] of series.marks || at.length === 1 ? at : []) {
      const mark = node(group, "circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: series.marks || 3.5 });
      if (point.fill) mark.style.fill = point.fill;
    }
    state.drawn.push({ series, group, at });
  }

  // Values below the axis, R^2 below 0 on the stretched scale among them, are written at its lower edge, above each other where
  // they would overlap.
  const under = (frame, value) => frame.toy(value) < frame.ys[0] || (frame.toy === SCALES.stretched.to && value < 0);
  function told(state, frame, series, x, value) {
    const text = `↓ ${(100 * value).toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 1 ? 1 : 0 })} %`.replace("-", "−");
    const wide = 6.6 * text.length, middle = Math.min(Math.max(x, frame.left + wide / 2), frame.left + frame.width - wide / 2);
    let above = 0;
    while (state.texts.some(([row, at, width]) => row === above && Math.abs(middle - at) < (wide + width) / 2)) above++;
    state.texts.push([above, middle, wide]);
    const y = frame.top + frame.height - 20 - 14 * above, colour = look(series.place).class;
    node(state.inside, "text", { x: middle, y, "text-anchor": "middle", class: `below ${colour}` }, text);
  }

  function legend(state) {
    const names = new Set(), first = ({ name }) => name !== undefined && !names.has(name) && names.add(name); // once per name
    const named = state.spec.series.filter(first).sort((a, b) => Boolean(a.grey) - Boolean(b.grey));
    state.legend.replaceChildren(...(named.length < 2 ? [] : named).map((series) => {
      const item = document.createElement("button"), { class: colour, dash } = look(series.place);
      const swatch = node(null, "svg", { width: 30, height: 10, class: series.grey ? "grey" : colour, "aria-hidden": "true" });
      if (series.line !== false) node(swatch, "path", { d: "M0,5H30", class: "line", "stroke-dasharray": dash });
      if (series.marks) node(swatch, "circle", { cx: 15, cy: 5, r: 3.5 });
      item.type = "button";
      item.title = "show or hide";
      item.setAttribute("aria-pressed", String(!state.hidden.has(series.name)));
      item.append(swatch, series.name);
      item.addEventListener("click", () => {
        if (!state.hidden.delete(series.name)) state.hidden.add(series.name);
        render(state);
      });
      return item;
    }));
  }

  function render(state) {
    const spec = state.spec, wide = state.holder.clientWidth || 700, tall = spec.height || (wide < 500 ? 300 : 400);
    const shown = spec.series.filter((series) => !state.hidden.has(series.name)), points = shown.flatMap((series) => series.points);
    const width = wide - 80, texts = spec.x.kind === "category" ? spec.x.values : [];
    const below = texts.some((text) => 6.6 * text.length > width / texts.length) ? 74 : 44;
    const frame = { left: 64, top: 10, width, height: tall - 10 - below, below, tox: SCALES[spec.x.kind].to, toy: SCALES[spec.y.kind].to };
    const heights = points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]);
    frame.xs = limits(spec.x, points.map((point) => point.x), state.zoom && state.zoom.x);
    frame.ys = limits(spec.y, heights, state.zoom && state.zoom.y);
    frame.x = (at) => frame.left + (at - frame.xs[0]) / (frame.xs[1] - frame.xs[0]) * frame.width;
    frame.y = (at) => frame.top + (frame.ys[1] - at) / (frame.ys[1] - frame.ys[0]) * frame.height;
    state.frame = frame;
    state.drawn = [];
    state.texts = []; // row, middle and width of those below the axis
    state.svg.replaceChildren();
    state.svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
    state.svg.setAttribute("aria-label", `${spec.y.label} against ${spec.x.label}`);
    axes(state, frame, spec);
    const clip = `clip-${state.holder.id}`, inside = { x: frame.left, y: frame.top - 5, width: frame.width + 6, height: frame.height + 6 };
    node(node(state.svg, "clipPath", { id: clip }), "rect", inside);
    state.inside = node(state.svg, "g", { "clip-path": `url(#${clip})` });
    for (const series of shown) plot(state, frame, series);
    for (const { series, at } of spec.y.below ? state.drawn.filter((each) => !each.series.grey) : []) {
      for (const [x, , point] of at) if (under(frame, point.y)) told(state, frame, series, x, point.y);
    }
    const middle = { x: frame.left + frame.width / 2, y: frame.top + frame.height / 2, "text-anchor": "middle" };
    if (!points.length) node(state.svg, "text", middle, "no data yet");
    state.box = node(state.svg, "rect", { class: "box", width: 0, height: 0 });
    legend(state);
    light(state, state.lit);
  }

  // Emphasises the series that contain the run `place`, or rings its point; null: none.
  function light(state, place) {
    state.lit = place;
    const contains = (series) => place !== null && (series.runs || []).includes(place), any = state.drawn.some(({ series }) => contains(series));
    state.svg.classList.toggle("dimmed", any);
    for (const { series, group } of state.drawn) group.classList.toggle("lit", contains(series));
    for (const old of state.inside.querySelectorAll(".ring")) old.remove();
    const point = place === null || any ? undefined : state.drawn.flatMap(({ at }) => at).find((each) => each[2].run === place);
    if (point) node(state.inside, "circle", { cx: point[0], cy: point[1], r: 8, class: "ring" });
  }

  const position = (state, event) => {
    const box = state.svg.getBoundingClientRect(), [, , width, height] = state.svg.getAttribute("viewBox").split(" ").map(Number);
    return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height];
  };

  function nearest(state, [left, top]) {
    let found = null, least = REACH;
    for (const { series, group, at } of state.drawn) for (const [x, y, point] of at) {
      const distance = Math.hypot(x - left, y - top);
      if (distance < least) [found, least] = [{ series, group, point, x, y }, distance];
    }
    return found;
  }

  function tip(state, found) {
    state.tip.hidden = !found;
    for (const { group } of state.drawn) group.classList.toggle("near", Boolean(found) && group === found.group);
    if (!found) return;
    state.tip.textContent = found.point.text || found.series.text(found.point);
    const wide = state.holder.clientWidth, left = found.x > wide / 2 ? found.x - state.tip.offsetWidth - 12 : found.x + 12;
    state.tip.style.left = `${Math.max(0, Math.min(left, wide - state.tip.offsetWidth))}px`;
    state.tip.style.top = `${state.svg.offsetTop + Math.max(0, found.y - state.tip.offsetHeight - 8)}px`;
  }

  function zoom(state, [x1, y1], [x2, y2]) {
    const { frame } = state, across = (at) => frame.xs[0] + (at - frame.left) / frame.width * (frame.xs[1] - frame.xs[0]);
    const down = (at) => frame.ys[1] - (at - frame.top) / frame.height * (frame.ys[1] - frame.ys[0]);
    state.zoom = { x: [across(Math.min(x1, x2)), across(Math.max(x1, x2))], y: [down(Math.max(y1, y2)), down(Math.min(y1, y2))] };
    render(state);
  }

  function whole(state) {
    state.zoom = null;
    render(state);
  }

  function press(state, event) {
    const { left, top, width, height } = state.frame, step = 0.1;
    const by = (l, t, r, b) => zoom(state, [left + l * width, top + t * height], [left + width - r * width, top + height - b * height]);
    const keys = {
      "+": () => by(step, step, step, step), "=": () => by(step, step, step, step), "-": () => by(-step, -step, -step, -step),
      ArrowLeft: () => by(-step, 0, step, 0), ArrowRight: () => by(step, 0, -step, 0),
      ArrowUp: () => by(0, -step, 0, step), ArrowDown: () => by(0, step, 0, -step), 0: () => whole(state),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  // Calls `changed` when the element gets another width; not when it is hidden.
  function onResize(holder, changed) {
    let wide = holder.clientWidth;
    new ResizeObserver(() => {
      if (!holder.clientWidth || holder.clientWidth === wide) return;
      wide = holder.clientWidth;
      changed();
    }).observe(holder);
  }

  function create(holder) {
    const svg = node(null, "svg", { role: "img", tabindex: 0 }), [tip_, legend_] = ["div", "div"].map((tag) => document.createElement(tag));
    const state = { holder, zoom: null, hidden: new Set(), lit: null, svg, tip: tip_, legend: legend_ };
    states.set(holder, state);
    state.legend.className = "legend";
    state.tip.className = "tip";
    state.tip.hidden = true;
    holder.replaceChildren(state.svg, state.tip, state.legend);
    let from = null;
    state.svg.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && event.pointerType !== "touch") from = position(state, event);
    });
    state.svg.addEventListener("pointermove", (event) => {
      const to = position(state, event);
      if (from) ["x", "y"].forEach((name, each) => {
        state.box.setAttribute(name, Math.min(from[each], to[each]));
        state.box.setAttribute(["width", "height"][each], Math.abs(to[each] - from[each]));
      });
      tip(state, from ? null : nearest(state, to));
    });
    window.addEventListener("pointerup", (event) => {
      if (!from) return;
      const start = from, to = position(state, event), found = nearest(state, to);
      from = null;
      state.box.setAttribute("width", 0);
      if (Math.abs(to[0] - start[0]) > 8 && Math.abs(to[1] - start[1]) > 8) zoom(state, start, to);
      else if (found && state.spec.pick) state.spec.pick(found.point.run);
    });
    state.svg.addEventListener("pointerleave", () => tip(state, null));
    state.svg.addEventListener("dblclick", () => whole(state));
    state.svg.addEventListener("keydown", (event) => press(state, event));
    onResize(holder, () => render(state));
    return state;
  }

  return {
    BANDS, SCALES, limits, node, onResize, ticks,
    // Draws `spec`: {key, x, y: {kind, label, percent, range, values, marks}, series: [{name, place, points: [{x, y, low, high, text, run}],
    // runs, band, marks, line, grey, text}], pick}. A zoom stays while `key` stays.
    draw(holder, spec) {
      const state = states.get(holder) || create(holder);
      if (state.spec && state.spec.key !== spec.key) state.zoom = null;
      state.spec = spec;
      render(state);
    },
    light(holder, place) { if (states.has(holder)) light(states.get(holder), place); },
    // Limits of the axes and the series as drawn.
    drawn(holder) {
      const { frame, spec } = states.get(holder);
      return { xs: frame.xs, ys: frame.ys, series: spec.series };
    },
    // The chart as a file: the computed styles are written into the elements.
    picture(holder) {
      const { svg } = states.get(holder), copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(" ");
      const names = ["fill", "stroke", "stroke-width", "stroke-opacity", "fill-opacity", "opacity", "font-family", "font-size"];
      const own = [svg, ...svg.querySelectorAll("*")];
      [copy, ...copy.querySelectorAll("*")].forEach((each, place) => {
        const style = getComputedStyle(own[place]);
        each.setAttribute("style", names.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
      });
      for (const [name, value] of [["xmlns", NS], ["width", width], ["height", height]]) copy.setAttribute(name, value);
      return new XMLSerializer().serializeToString(copy);
    },
  };
})();
