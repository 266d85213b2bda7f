"use strict";
// On paper the table is cut into parts as wide as a page, each with the runs' ids; the curves are drawn as wide as a page.
(() => {
  const PAGE = 1000, PLOT = 690; // CSS pixels: of a part's columns at the screen's font, and of the curves
  const element = (id) => document.getElementById(id);

  function parts(widths) {
    const found = [];
    let room = -1;
    widths.forEach((width, column) => {
      if (column === 0) return; // the id is in every part
      if (width > room) {
        found.push([0]);
        room = PAGE - widths[0];
      }
      found[found.length - 1].push(column);
      room -= width;
    });
    return found;
  }

  function before() {
    const wide = element("table"), head = [...wide.tHead.rows[0].cells], places = table.shown();
    wide.style.width = "auto"; // as narrow as its text
    const widths = head.map((cell) => cell.offsetWidth);
    wide.style.width = "";
    element("paper").replaceChildren(...parts(widths).map((columns) => {
      const part = document.createElement("table"), line = part.createTHead().insertRow();
      for (const column of columns) {
        const cell = document.createElement("th");
        cell.className = head[column].className;
        cell.textContent = head[column].textContent;
        line.append(cell);
      }
      table.fill(part.createTBody(), places, columns);
      return part;
    }));
    if (window.Plotly && element("plot").data) Plotly.relayout("plot", { autosize: false, width: PLOT, height: 420 });
  }

  function after() {
    element("paper").replaceChildren();
    if (window.Plotly && element("plot").data) Plotly.relayout("plot", { autosize: true, width: null, height: null });
  }

  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", after);
})();
