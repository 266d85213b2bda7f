"use strict";
// On paper the table of runs is cut into parts as wide as a page, each with the runs' ids. Charts scale with the paper; all cases
// are open, with all their settings.
(() => {
  const PAGE = 700; // CSS pixels of a part's columns on A4
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

  // The chosen columns of the table of runs, as on paper.
  function part(chosen) {
    const made = document.createElement("table"), line = made.createTHead().insertRow(), columns = table.columns();
    const head = element("table").tHead.rows[0].cells;
    for (const column of chosen) {
      const cell = document.createElement("th");
      cell.className = head[column].className;
      cell.textContent = head[column].textContent;
      line.append(cell);
    }
    table.fill(made.createTBody(), table.shown(), chosen.map((column) => columns[column]));
    return made;
  }

  function before() {
    answer.all(true);
    for (const details of document.querySelectorAll("#cases details")) details.open = true;
    const paper = element("paper"), whole = part(table.columns().map((_, column) => column));
    paper.className = "measured"; // as narrow as its text
    paper.replaceChildren(whole);
    const widths = [...whole.rows[0].cells].map((cell) => Math.min(cell.getBoundingClientRect().width, PAGE / 2));
    paper.className = "";
    paper.replaceChildren(...parts(widths).map(part));
  }

  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", () => {
    answer.all(false);
    element("paper").replaceChildren();
  });
})();
