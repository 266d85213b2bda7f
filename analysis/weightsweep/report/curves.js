// The curves of the runs that the table shows, drawn with Plotly: one trace a colour, its runs apart by gaps.
const curves = (() => {
  const MOST = 200; // runs drawn at once
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
    const values = [...new Set(content.rows.map((row) => row[column]))].sort((a, b) => (a < b ? -1 : 1)); // keeps a value's colour, whatever is shown
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
      return { ...group, name: `${name} ${value}`, mode: "lines", hovertemplate: "%{text}<br>%{x}: %{y}<extra></extra>",
        line: { color: COLOURS[place % COLOURS.length], dash: DASHES[place % DASHES.length], width: 1.5 }, order: place };
    });
    return [...published(horizontal, vertical), ...ours.sort((a, b) => a.order - b.order).map(({ order, ...trace }) => trace)];
  }

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
    const buttons = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]]; // none that shares: newer Plotlys offer it
    Plotly.react("plot", traces(), layout, { displaylogo: false, responsive: true, modeBarButtons: buttons });
    element("drawn").textContent = places.length > MOST ? `The first ${MOST} of ${places.length.toLocaleString("en")} runs are drawn; filter the table to see others.` : "";
  }

  return {
    prepare(data) {
      content = data;
      element("colour").replaceChildren(...content.axes.map((name) => new Option(name, name)));
      const seldom = content.axes.find((name) => !["unknowns", "equations", "seed"].includes(name)) || content.axes.find((name) => name === "equations");
      element("colour").value = seldom || content.axes[0];
      for (const id of ["vertical", "horizontal", "colour"]) element(id).addEventListener("change", draw);
    },
    show(data, shown) {
      content = data;
      places = shown;
      draw();
    },
    start() { // once Plotly is there: the table need not wait for it
      loaded = true;
      draw();
    },
  };
})();
