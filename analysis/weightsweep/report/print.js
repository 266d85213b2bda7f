"use strict";
// On paper the table of runs is cut into parts as wide as a page, each with the runs' ids. Charts scale with the paper; all cases
// are open.
(() => {
  const PAGE = 1000; // CSS pixels of a part's columns at the font of the screen
  const element = (id) => document.getElementById(id);

  function parts(widths) {
    const found = [];
    let left = -1;
    widths.forEach((width, column) => {
      if (column === 0) return; // the id is in every part
      if (width > left) {
        found.push([0]);
        left = PAGE - widths[0];
      }
      found[found.length - 1].push(column);
      left -= width;
    });
    return found;
  }

  function before() {
    for (const details of document.querySelectorAll("#cases details")) details.open = true;
    const wide = element("table"), head = [...wide.tHead.rows[0].cells], places = table.shown(), columns = table.columns();
    wide.style.width = "auto"; // as narrow as its text
    const widths = head.map((cell) => cell.offsetWidth);
    wide.style.width = "";
    element("paper").replaceChildren(...parts(widths).map((chosen) => {
      const part = document.createElement("table"), line = part.createTHead().insertRow();
      for (const column of chosen) {
        const cell = document.createElement("th");
        cell.className = head[column].className;
        cell.textContent = head[column].textContent;
        line.append(cell);
      }
      table.fill(part.createTBody(), places, chosen.map((column) => columns[column]));
      return part;
    }));
  }

  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", () => element("paper").replaceChildren());
})();
