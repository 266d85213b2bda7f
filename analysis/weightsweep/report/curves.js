"use strict";
// The curves of the runs that the table shows: mean and band of each setting, or single runs; the best ones where there are many.
const curves = (() => {
  const LOWEST = -1; // R^2 at the end of a linear axis
  const element = (id) => document.getElementById(id);
  const digits = (value) => Number(value.toPrecision(5)).toLocaleString("en", { maximumFractionDigits: 12 });
  let content, places = [];

  // Means of R^2 are taken of log10(1 - R^2), means of the loss of its logarithm.
  const MEAN = {
    r2: (values) => 1 - 10 ** average(values.map((value) => Math.log10(Math.max(1 - value, 2 ** -52)))),
    loss: (values) => 10 ** average(values.map((value) => Math.log10(value))),
  };
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  // Groups of runs, the best first; settings of different cases take turns.
  function ranked() {
    const single = element("lines").value === "runs", groups = new Map(), r2 = table.find("r2");
    for (const place of places) {
      if (!content.curves[place].step.length) continue;
      const name = single ? place : content.settings[place];
      groups.set(name, [...(groups.get(name) || []), place]);
    }
    const score = (group) => {
      const known = group.map((place) => table.cell(place, r2)).filter((value) => value !== null);
      return known.length ? MEAN.r2(known) : -Infinity;
    };
    const list = [...groups.values()].map((group) => ({ group, score: score(group) })).sort((a, b) => b.score - a.score), taken = new Map();
    for (const each of list) {
      const number = content.cases[each.group[0]];
      each.turn = taken.get(number) || 0;
      taken.set(number, each.turn + 1);
    }
    return list.sort((a, b) => a.turn - b.turn).map((each) => each.group); // the sort is stable
  }

  // Points at the steps that every run of the group has reached.
  function points(group, horizontal, vertical) {
    if (group.length === 1) {
      const curve = content.curves[group[0]];
      return curve.step.map((step, at) => ({ x: curve[horizontal][at], y: curve[vertical][at], step, run: group[0] }));
    }
    const found = new Map();
    for (const place of group) content.curves[place].step.forEach((step, at) => {
      if (!found.has(step)) found.set(step, []);
      found.get(step).push([content.curves[place][horizontal][at], content.curves[place][vertical][at]]);
    });
    const known = (y) => y !== null && (vertical === "r2" || y > 0);
    const whole = [...found].filter(([, values]) => values.length === group.length && values.every(([, y]) => known(y)));
    return whole.map(([step, values]) => {
      const x = average(values.map(([at]) => at)), heights = values.map(([, y]) => y);
      return { x, y: MEAN[vertical](heights), low: Math.min(...heights), high: Math.max(...heights), step, run: group[0] };
    }).sort((a, b) => a.step - b.step);
  }

  function text(group, vertical) {
    const form = (value) => vertical === "r2" ? `${Number((100 * value).toPrecision(6))} %` : digits(value);
    const name = element("lines").value === "runs" ? content.names[group[0]] : content.labels[content.settings[group[0]]];
    return (point) => `${name}\nstep ${point.step.toLocaleString("en")}: ${vertical === "r2" ? "R²" : "loss"} ${form(point.y)}` +
      (group.length > 1 ? `\n${form(point.low)} to ${form(point.high)} over ${group.length} seeds` : "");
  }

  function lines(groups, horizontal, vertical) {
    const colour = element("colour").value, head = table.find(colour);
    const all = head ? table.sorted(new Set(groups.map((group) => table.cell(group[0], head))), head) : [];
    return groups.map((group, rank) => {
      const value = head && table.cell(group[0], head), name = head ? `${colour} ${table.format(value, head)}` : content.labels[content.settings[group[0]]];
      const place = head ? all.indexOf(value) : rank;
      return { name, place, points: points(group, horizontal, vertical), runs: group, band: true, text: text(group, vertical) };
    }).sort((a, b) => head ? a.place - b.place : 0);
  }

  function published(horizontal, vertical) {
    if (horizontal !== "step" || vertical !== "loss" || !element("published").checked) return [];
    return content.published.map((curve) => ({
      name: "published", place: 0, grey: true, points: curve.step.map((step, at) => ({ x: step, y: curve.loss[at] })),
      text: (point) => `published: ${curve.unknowns} unknowns, ${curve.equations} equations\nstep ${point.x.toLocaleString("en")}: loss ${digits(point.y)}`,
    }));
  }

  // The axis ends where diverged runs leave the others: at ten times the others' largest loss, or at R^2 -1 on a linear axis.
  function range(groups, vertical, linear) {
    const status = table.find("status"), kept = groups.flat().filter((place) => table.cell(place, status) !== "diverged");
    const values = (list) => list.flatMap((place) => content.curves[place][vertical]).filter((value) => value !== null);
    const extreme = (list, best) => values(list).reduce((found, value) => best(found, value), NaN);
    if (vertical === "r2") return linear && extreme(groups.flat(), lower) < LOWEST ? [LOWEST, NaN] : null;
    const top = 10 * extreme(kept, higher);
    return extreme(groups.flat(), higher) > top ? [NaN, top] : null;
  }
  const lower = (a, b) => a < b ? a : b, higher = (a, b) => a > b ? a : b; // of NaN and a number the number

  function draw() {
    const vertical = element("vertical").value, horizontal = element("horizontal").value, linear = element("yscale").value === "linear";
    const all = ranked(), groups = all.slice(0, Number(element("best").value)), cut = range(groups, vertical, linear);
    const named = (id) => element(id).selectedOptions[0].textContent;
    const kind = linear ? "linear" : vertical === "r2" ? "stretched" : "log";
    chart.draw(element("plot"), {
      key: [vertical, horizontal, kind, element("xscale").value].join(), // a refresh keeps the zoom
      x: { kind: element("xscale").value, label: named("horizontal") },
      y: { kind, label: vertical === "r2" ? "R² (%)" : named("vertical"), percent: vertical === "r2", range: cut },
      series: [...published(horizontal, vertical), ...lines(groups, horizontal, vertical)],
      pick: (place) => { if (place !== undefined) table.mark(place); light(place); },
    });
    const negative = groups.flat().some((place) => content.curves[place].r2.some((value) => value < 0));
    const count = `${all.length.toLocaleString("en")} ${element("lines").value.slice(0, all.length === 1 ? -1 : undefined)}`, turns = new Set(content.cases).size > 1 ? ", cases in turn" : "";
    element("drawn").textContent = [
      groups.length < all.length ? `The best ${groups.length} of ${count} are drawn${turns}.` : `${count}.`,
      groups.some((group) => group.length > 1) ? `Band${groups.length > chart.BANDS ? " of the line under the pointer" : "s"}: lowest to highest seed.` : "",
      cut ? `Values ${vertical === "r2" ? `below ${LOWEST}` : "of diverged runs above the axis"} are cut off.` : "",
      negative && vertical === "r2" && !linear ? "R² below 0 is drawn at 0." : "",
    ].filter(Boolean).join(" ");
  }

  // The settings that can choose the colours.
  function offer() {
    const select = element("colour"), names = ["setting", ...content.axes];
    if ([...select.options].map((option) => option.value).join() !== names.join()) {
      const value = select.value;
      select.replaceChildren(...names.map((name) => new Option(name, name)));
      if (names.includes(value)) select.value = value;
    }
  }

  function light(place) {
    chart.light(element("plot"), place ?? null);
  }

  return {
    light,
    prepare(data) {
      content = data;
      offer();
      element("published").checked = content.published.some((curve) => curve.repeated);
      element("published").parentElement.hidden = !content.published.length;
      for (const id of ["vertical", "horizontal", "colour", "lines", "best", "yscale", "xscale", "published"]) state.bind(id, draw);
    },
    show(data, shown) {
      [content, places] = [data, shown];
      offer();
      draw();
    },
  };
})();
