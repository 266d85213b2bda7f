"use strict";
// The table of runs: sorts by a column, shows the runs that pass the filter.
const table = (() => {
  let content, order = { column: -1, sign: 1 }, terms = [];
  const element = (id) => document.getElementById(id);
  const compare = { "=": (a, b) => a === b, "!=": (a, b) => a !== b, "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };

  function parse(text) {
    return text.trim().split(/\s+/).filter(Boolean).map((word) => {
      const parts = /^(\w+)(!=|<=|>=|=|<|>)(.*)$/.exec(word);
      const column = parts ? content.columns.findIndex((head) => head.name === parts[1]) : -1;
      if (parts && column < 0) return { mistake: `no column '${parts[1]}'` };
      if (!parts) return { word: word.toLowerCase() };
      const isText = content.columns[column].text;
      const value = isText ? parts[3] : Number(parts[3]);
      if (parts[3] === "" || Number.isNaN(value)) return { mistake: `'${word}': what is the value?` };
      return { column, operator: compare[parts[2]], value };
    });
  }

  const passes = (row) => terms.every((term) =>
    term.word !== undefined
      ? row.some((cell) => cell !== null && String(cell).toLowerCase().includes(term.word))
      : row[term.column] !== null && term.operator(row[term.column], term.value));

  // Places of the rows that are shown, in their order. What is not known comes last, whatever the direction.
  function shown() {
    const places = content.rows.map((_, place) => place).filter((place) => passes(content.rows[place]));
    if (order.column < 0) return places;
    const of = (place) => content.rows[place][order.column];
    return places.sort((a, b) => {
      const left = of(a), right = of(b);
      if (left === null || right === null) return (left === null) - (right === null) || a - b;
      return (left < right ? -order.sign : left > right ? order.sign : 0) || a - b;
    });
  }

  function format(value, head) {
    if (value === null) return "–";
    if (head.text) return value;
    return Number.isInteger(value) && Math.abs(value) >= 10000 ? value.toLocaleString("en") : String(value);
  }

  function draw() {
    const places = shown(), body = document.createElement("tbody");
    const status = content.columns.findIndex((head) => head.name === "status");
    for (const place of places) {
      const line = body.insertRow(), row = content.rows[place];
      line.dataset.status = row[status];
      content.columns.forEach((head, column) => {
        const cell = line.insertCell();
        cell.textContent = format(row[column], head);
        if (head.text) cell.className = head.name === "message" ? "text message" : "text";
      });
    }
    element("table").tBodies[0].replaceWith(body);
    element("shown").textContent = `${places.length.toLocaleString("en")} of ${content.rows.length.toLocaleString("en")} runs`;
    [...element("table").tHead.rows[0].cells].forEach((cell, column) =>
      cell.setAttribute("aria-sort", column !== order.column ? "none" : order.sign > 0 ? "ascending" : "descending"));
    return places;
  }

  function heads(changed) {
    const line = document.createElement("tr");
    content.columns.forEach((head, column) => {
      const cell = document.createElement("th"), button = document.createElement("button");
      cell.scope = "col";
      cell.title = head.about;
      if (head.text) cell.className = "text";
      button.textContent = head.name;
      button.addEventListener("click", () => {
        order = { column, sign: order.column === column ? -order.sign : 1 };
        changed();
      });
      cell.append(button);
      line.append(cell);
    });
    element("table").tHead.replaceChildren(line);
  }

  return {
    shown,
    draw,
    // `changed` is called when another selection or order is wanted.
    start(data, changed) {
      content = data;
      heads(changed);
      const filter = element("filter");
      filter.addEventListener("input", () => {
        const parsed = parse(filter.value), wrong = parsed.find((term) => term.mistake);
        filter.setCustomValidity(wrong ? wrong.mistake : "");
        if (wrong) {
          element("shown").textContent = wrong.mistake; // what is shown stays as it was
        } else {
          terms = parsed;
          changed();
        }
      });
    },
    update(data) { content = data; },
  };
})();
