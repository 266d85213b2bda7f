"use strict";
// The table of runs: sorts by a column, shows the runs that pass the filter and the columns that are chosen, marks one run.
const table = (() => {
  let content, passes = () => true, order = { name: "", sign: 1 }, drawn = "", chosen = null, marked = null;
  let changed = () => {}, lit = () => {};
  const element = (id) => document.getElementById(id);
  const cell = (place, head) => head.values ? head.values[place] : head.value; // a constant column has one value
  const find = (name) => content.columns.find((head) => head.name === name);
  const places = () => [...Array(content.count).keys()];
  const sorted = (values, head) => [...values].sort((a, b) => filter.compare(filter.key(a, head), filter.key(b, head)));

  // An outcome is shown in a few digits; a setting in as many as tell it from every other.
  function format(value, head) {
    if (value === null) return "–";
    if (head.kind !== "number") return value;
    const number = head.digits ? Number(value.toPrecision(head.digits)) : value;
    const long = Number.isInteger(number) && Math.abs(number) >= 10000 && Math.abs(number) < 1e15;
    return long ? number.toLocaleString("en") : String(number);
  }

  // Places of the runs that are shown, in their order. Unknown values come last in both directions.
  function shown() {
    const found = places().filter(passes), head = find(order.name);
    if (!head) return found;
    const keys = places().map((place) => cell(place, head) === null ? null : filter.key(cell(place, head), head));
    return found.sort((a, b) => {
      if (keys[a] === null || keys[b] === null) return (keys[a] === null) - (keys[b] === null) || a - b;
      return order.sign * filter.compare(keys[a], keys[b]) || a - b;
    });
  }

  const columns = () => content.columns.filter((head, place) => place === 0 || (chosen || content.shown).includes(head.name));

  function fill(body, rows, heads) {
    const status = find("status");
    for (const place of rows) {
      const line = body.insertRow();
      line.dataset.status = cell(place, status);
      line.dataset.place = place;
      for (const head of heads) {
        const made = line.insertCell(), value = cell(place, head), text = format(value, head);
        made.textContent = text;
        if (head.kind === "number" && value !== null && text !== String(value)) made.dataset.exact = value;
        if (head.kind !== "number") made.className = head.name === "message" ? "text message" : "text";
      }
    }
    return body;
  }

  function heading(head) {
    const made = document.createElement("th"), button = document.createElement("button");
    made.scope = "col";
    made.title = head.about;
    made.dataset.exact = head.name;
    if (head.kind !== "number") made.className = "text";
    button.textContent = head.name;
    button.addEventListener("click", () => {
      order = { name: head.name, sign: order.name === head.name ? -order.sign : head.best || 1 }; // the best comes first
      state.set("sort", `${order.sign < 0 ? "-" : ""}${order.name}`);
      changed();
    });
    made.append(button);
    return made;
  }

  function heads() {
    drawn = columns().map((head) => head.name).join();
    const line = document.createElement("tr");
    line.append(...columns().map(heading));
    element("table").tHead.replaceChildren(line);
    element("columns").replaceChildren(...content.columns.slice(1).map((head) => {
      const label = document.createElement("label"), box = document.createElement("input");
      box.type = "checkbox";
      box.checked = (chosen || content.shown).includes(head.name);
      box.addEventListener("change", () => {
        const names = content.columns.map((each) => each.name), first = names.filter((name) => content.shown.includes(name));
        const next = names.filter((name) => name === head.name ? box.checked : (chosen || content.shown).includes(name));
        chosen = next.join() === first.join() ? null : next;
        state.set("columns", chosen && chosen.join(" "));
        draw();
      });
      label.title = head.about;
      label.append(box, head.name);
      return label;
    }));
  }

  function draw() {
    if (drawn !== columns().map((head) => head.name).join()) heads(); // a column appears with its first value
    const rows = shown();
    element("table").tBodies[0].replaceWith(fill(document.createElement("tbody"), rows, columns()));
    element("shown").textContent = `${rows.length.toLocaleString("en")} of ${content.count.toLocaleString("en")} runs`;
    [...element("table").tHead.rows[0].cells].forEach((made) =>
      made.setAttribute("aria-sort", made.dataset.exact !== order.name ? "none" : order.sign > 0 ? "ascending" : "descending"));
    mark(marked, false);
    return rows;
  }

  // Marks the row of a run; with `seen` the row is scrolled into view.
  function mark(place, seen = true) {
    marked = place;
    const body = element("table").tBodies[0], old = body.querySelector("[aria-selected]");
    const own = place === null ? null : body.querySelector(`[data-place="${place}"]`);
    if (old) old.removeAttribute("aria-selected");
    if (own) own.setAttribute("aria-selected", "true");
    if (own && seen) own.scrollIntoView({ block: "nearest" });
  }

  function select(place) {
    mark(place);
    lit(place);
  }

  function press(event) {
    const rows = [...element("table").tBodies[0].rows], at = rows.findIndex((line) => Number(line.dataset.place) === marked);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows.length) return;
    event.preventDefault();
    select(Number(rows[Math.max(0, Math.min(to, rows.length - 1))].dataset.place));
  }

  function apply() {
    try {
      passes = filter.parse(element("filter").value, content.columns, cell, format);
      element("filter").setCustomValidity("");
      return true;
    } catch (error) {
      element("filter").setCustomValidity(error.message);
      element("shown").textContent = error.message; // the rows stay as they were
      return false;
    }
  }

  return {
    cell, columns, draw, fill, find, format, mark, shown, sorted,
    // `whenChanged` is called when another selection or order is wanted, `whenLit` with the run that the reader points at.
    start(data, whenChanged, whenLit) {
      [content, changed, lit] = [data, whenChanged, whenLit];
      const sort = state.get("sort"), names = state.get("columns");
      if (sort) order = { name: sort.replace(/^-/, ""), sign: sort.startsWith("-") ? -1 : 1 };
      if (names) chosen = names.split(" ");
      state.bind("filter", () => { if (apply()) changed(); });
      apply();
      const place = (event) => event.target.closest("tbody tr") ? Number(event.target.closest("tr").dataset.place) : null;
      element("table").addEventListener("pointerover", (event) => lit(place(event) ?? marked));
      element("table").addEventListener("pointerleave", () => lit(marked));
      element("table").addEventListener("click", (event) => {
        if (place(event) !== null) select(place(event) === marked ? null : place(event));
      });
      element("table").addEventListener("keydown", press);
      copy.offer(element("copy-runs"), () => element("table"));
    },
    // Adds a condition to the filter.
    narrow(text) {
      const field = element("filter"), old = field.value.trim();
      field.value = !old ? text : / OR /i.test(old) ? `(${old}) ${text}` : `${old} ${text}`;
      field.dispatchEvent(new Event("input"));
    },
    update(data) {
      content = data;
      apply();
    },
  };
})();
