// The curves of the runs that the table shows, drawn with Plotly: one trace a colour, its runs apart by gaps.
const curves = (() => {
  const MOST = 200; // runs drawn at once
  const LOWEST = -1; // R^2 where its axis ends
  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"];
  const DASHES = ["solid", "dash", "dashdot", "dot", "longdash", "longdashdot"];
  const element = (id) => document.getElementById(id);
  let content, loaded = false, places = [];

  const published = (horizontal, vertical) => horizontal !== "step" || vertical !== "loss" ? [] : content.published.map((curve, place) => ({
    x: curve.step, y: curve.loss, name: "published", mode: "lines", line: { color: "#999999", width: 1 },
    legendgroup: "published", showlegend: place === 0, legendrank: 2000, // last, and once for all
    hovertemplate: `published: ${curve.unknowns} unknowns, ${curve.equations} equations<br>%{x}: %{y}<extra></extra>`,
  }));

  function traces() {
    const horizontal = element("horizontal").value, vertical = element("vertical").value, name = element("colour").value;
    const column = content.columns.findIndex((head) => head.name === name), groups = new Map();
    const head = content.columns[column], values = table.sorted(new Set(content.rows.map((row) => row[column])), head); // keeps a value's colour, whatever is shown
    for (const place of places.slice(0, MOST)) {
      const row = content.rows[place], curve = content.curves[place];
      if (!groups.has(row[column])) groups.set(row[column], { x: [], y: [], text: [] });
      const group = groups.get(row[column]);
      curve[horizontal].forEach((x, point) => {
        group.x.push(x);
        group.y.push(curve[vertical][point]);
        group.text.push(row[0]);
      });
      group.x.push(null);
      group.y.push(null);
      group.text.push("");
    }
    const ours = [...groups].map(([value, group]) => {
      const place = values.indexOf(value);
      return { ...group, name: `${name} ${table.format(value, head)}`, mode: "lines", hovertemplate: "%{text}<br>%{x}: %{y}<extra></extra>",
        line: { color: COLOURS[place % COLOURS.length], dash: DASHES[place % DASHES.length], width: 1.5 }, order: place };
    });
    return [...published(horizontal, vertical), ...ours.sort((a, b) => a.order - b.order).map(({ order, ...trace }) => trace)];
  }

  // The axis ends where diverged runs leave the others: at ten times the others' largest loss, or where their R^2 begins, at -1 at least.
  function limits(vertical) {
    const status = content.columns.findIndex((head) => head.name === "status");
    const values = (kept) => places.slice(0, MOST).filter((place) => !kept || content.rows[place][status] !== "diverged")
      .flatMap((place) => content.curves[place][vertical]).filter((value) => value !== null && (vertical === "r2" || value > 0));
    const all = extremes(values(false)), kept = extremes(values(true));
    if (vertical === "r2") return all.low < LOWEST ? [kept.low < Infinity ? Math.max(kept.low - 0.05, LOWEST) : LOWEST, Math.max(all.high, LOWEST) + 0.05] : null;
    return kept.high > 0 && all.high > 10 * kept.high ? [Math.log10(kept.low) - 0.1, Math.log10(kept.high) + 1] : null;
  }
  const extremes = (values) => values.reduce(({ low, high }, value) => ({ low: Math.min(low, value), high: Math.max(high, value) }), { low: Infinity, high: -Infinity });

  function draw() {
    if (!loaded) return;
    const name = (id) => element(id).selectedOptions[0].textContent, logarithmic = element("vertical").value === "loss";
    const axis = { gridcolor: "#e5e5e5", zeroline: false, linecolor: "#444444", ticks: "outside", exponentformat: "none", separatethousands: true };
    const layout = {
      font: { family: "system-ui, sans-serif", size: 13 }, margin: { l: 70, r: 20, t: 34, b: 50 }, showlegend: true, hovermode: "closest",
      uirevision: element("vertical").value + element("horizontal").value, // a refresh keeps the zoom
      xaxis: { ...axis, title: { text: name("horizontal") }, type: "log" },
      yaxis: { ...axis, title: { text: name("vertical") }, type: logarithmic ? "log" : "linear" },
    };
    const range = limits(element("vertical").value);
    if (range) Object.assign(layout.yaxis, { range, autorange: false });
    const buttons = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]]; // none that shares: newer Plotlys offer it
    Plotly.react("plot", traces(), layout, { displaylogo: false, responsive: true, modeBarButtons: buttons });
    const few = places.length > MOST ? `The first ${MOST} of ${places.length.toLocaleString("en")} runs are drawn; filter the table to see others. ` : "";
    element("drawn").textContent = few + (range ? `Values ${logarithmic ? "of diverged runs above the axis" : `below ${range[0].toPrecision(2)}`} are cut off.` : "");
  }

  // The settings that may choose the colours; the choice is kept where it still exists.
  function offer() {
    const select = element("colour"), names = [...select.options].map((option) => option.value);
    if (names.join() === content.axes.join()) return;
    const seldom = content.axes.find((name) => !["unknowns", "equations", "seed"].includes(name)) || content.axes.find((name) => name === "equations");
    const chosen = content.axes.includes(select.value) ? select.value : seldom || content.axes[0];
    select.replaceChildren(...content.axes.map((name) => new Option(name, name)));
    select.value = chosen;
  }

  return {
    prepare() {
      for (const id of ["vertical", "horizontal", "colour"]) element(id).addEventListener("change", draw);
    },
    show(data, shown) {
      content = data;
      places = shown;
      offer();
      draw();
    },
    start() { // once Plotly is there: the table need not wait for it
      loaded = true;
      draw();
    },
  };
})();
