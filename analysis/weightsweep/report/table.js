"use strict";
// The table of runs: sorts by a column, shows the runs that pass the filter.
const table = (() => {
  let content, terms = [], order = { name: "", sign: 1 }, drawn = "";
  const element = (id) => document.getElementById(id);

  // A cell as it is compared: a list of numbers element by element, and its first different element decides.
  const key = (value, head) => head.kind !== "list" ? value : value === "" ? [] : value.split(",").map(Number);
  function compare(a, b) {
    if (!Array.isArray(a)) return a < b ? -1 : a > b ? 1 : 0;
    const place = a.findIndex((number, at) => number !== b[at]);
    return place < 0 ? a.length - b.length : place >= b.length ? 1 : a[place] - b[place];
  }
  const sorted = (values, head) => [...values].sort((a, b) => compare(key(a, head), key(b, head)));
  const holds = { "=": (sign) => sign === 0, "!=": (sign) => sign !== 0, "<": (sign) => sign < 0, ">": (sign) => sign > 0, "<=": (sign) => sign <= 0, ">=": (sign) => sign >= 0 };

  // An outcome is shown in a few digits; a setting in as many as tell it from every other.
  const rounded = (value, head) => head.kind === "number" && head.digits ? Number(value.toPrecision(head.digits)) : value;
  function format(value, head) {
    if (value === null) return "–";
    if (head.kind !== "number") return value;
    const number = rounded(value, head);
    return Number.isInteger(number) && Math.abs(number) >= 10000 && Math.abs(number) < 1e15 ? number.toLocaleString("en") : String(number);
  }

  // Terms are separated by blanks, or by commas before a column's name; blanks around an operator, in brackets and after a list's comma do not matter.
  const words = (text) => text.replace(/\[([^\]]*)\]/g, (_, inside) => inside.replace(/\s/g, ""))
    .replace(/\s*(!=|<=|>=|=|<|>)\s*/g, "$1").replace(/(\d),\s+(?=\d)/g, "$1,").replace(/,(?=\w+(!=|<=|>=|=|<|>))/g, " ").trim().split(/\s+/).filter(Boolean);

  function parse(text) {
    return words(text).map((word) => {
      const parts = /^(\w+)(!=|<=|>=|=|<|>)(.*)$/.exec(word);
      if (!parts) return { word: word.toLowerCase() };
      const head = content.columns.find((each) => each.name === parts[1]);
      if (!head) return { mistake: `no column '${parts[1]}'` };
      const text = head.kind === "number" && /^[-+]?\d{1,3}(,\d{3})+$/.test(parts[3]) ? parts[3].replaceAll(",", "") : parts[3];
      const value = head.kind === "number" ? Number(text) : key(text, head);
      if (text === "" || [value].flat().some(Number.isNaN)) return { mistake: `'${word}': the value is ${text === "" ? "missing" : "not a number"}` };
      return { name: head.name, operator: parts[2], value };
    });
  }

  // The value that is shown is as good as the file's own.
  function passes(row, term) {
    if (term.word !== undefined) return row.some((cell, place) => cell !== null && format(cell, content.columns[place]).toLowerCase().includes(term.word));
    const place = content.columns.findIndex((head) => head.name === term.name), cell = row[place], head = content.columns[place];
    if (head === undefined || cell === null) return false;
    return holds[term.operator](rounded(cell, head) === term.value ? 0 : compare(key(cell, head), term.value));
  }

  // Places of the rows that are shown, in their order. Unknown values come last in both directions.
  function shown() {
    const places = content.rows.map((_, place) => place).filter((place) => terms.every((term) => passes(content.rows[place], term)));
    const column = content.columns.findIndex((head) => head.name === order.name);
    if (column < 0) return places;
    const keys = content.rows.map((row) => row[column] === null ? null : key(row[column], content.columns[column]));
    return places.sort((a, b) => {
      if (keys[a] === null || keys[b] === null) return (keys[a] === null) - (keys[b] === null) || a - b;
      return order.sign * compare(keys[a], keys[b]) || a - b;
    });
  }

  function fill(body, places, columns) {
    const status = content.columns.findIndex((head) => head.name === "status");
    for (const place of places) {
      const line = body.insertRow(), row = content.rows[place];
      line.dataset.status = row[status];
      for (const column of columns) {
        const head = content.columns[column], cell = line.insertCell();
        cell.textContent = format(row[column], head);
        if (head.kind !== "number") cell.className = head.name === "message" ? "text message" : "text";
      }
    }
    return body;
  }

  function heads(changed) {
    drawn = JSON.stringify(content.columns);
    const line = document.createElement("tr");
    for (const head of content.columns) {
      const cell = document.createElement("th"), button = document.createElement("button");
      cell.scope = "col";
      cell.title = head.about;
      if (head.kind !== "number") cell.className = "text";
      button.textContent = head.name;
      button.addEventListener("click", () => {
        order = { name: head.name, sign: order.name === head.name ? -order.sign : 1 };
        changed();
      });
      cell.append(button);
      line.append(cell);
    }
    element("table").tHead.replaceChildren(line);
  }

  function draw(changed) {
    if (drawn !== JSON.stringify(content.columns)) heads(changed); // a column appears with its first value
    const places = shown();
    element("table").tBodies[0].replaceWith(fill(document.createElement("tbody"), places, [...content.columns.keys()]));
    element("shown").textContent = `${places.length.toLocaleString("en")} of ${content.rows.length.toLocaleString("en")} runs`;
    [...element("table").tHead.rows[0].cells].forEach((cell, column) =>
      cell.setAttribute("aria-sort", content.columns[column].name !== order.name ? "none" : order.sign > 0 ? "ascending" : "descending"));
    return places;
  }

  return {
    draw, fill, format, shown, sorted,
    // `changed` is called when another selection or order is wanted.
    start(data, changed) {
      content = data;
      const filter = element("filter");
      filter.addEventListener("input", () => {
        const parsed = parse(filter.value), wrong = parsed.find((term) => term.mistake);
        filter.setCustomValidity(wrong ? wrong.mistake : "");
        if (wrong) {
          element("shown").textContent = wrong.mistake; // the rows stay as they were
        } else {
          terms = parsed;
          changed();
        }
      });
    },
    update(data) { content = data; },
  };
})();
