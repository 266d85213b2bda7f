"use strict";
// The answer of each case, as a sentence and a table of its settings, and the effect of each axis.
const answer = (() => {
  const FLOORS = ["quadratic fit", "affine fit", "least squares"]; // in the order of the chart's dashes: as in the figures
  const ROWS = 10, OPEN = 3; // settings shown at first; cases up to which all are open
  const element = (id) => document.getElementById(id);
  let content, opened = new Set(), whole = false, lit = () => {};

  function row(body, texts, numeric, exact = []) {
    const line = body.insertRow();
    texts.forEach((text, place) => {
      const cell = line.insertCell();
      cell.textContent = text;
      if (!numeric[place]) cell.className = "text";
      if (exact[place] !== undefined && exact[place] !== null) cell.dataset.exact = exact[place];
    });
    return line;
  }

  function heading(head, texts, numeric) {
    const line = document.createElement("tr");
    line.append(...texts.map((text, place) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      if (!numeric[place]) cell.className = "text";
      return cell;
    }));
    head.replaceChildren(line);
  }

  // A paragraph; its best setting is bold.
  function sentence(text) {
    const made = document.createElement("p"), told = text.replaceAll("R^2", "R²"), [, best] = /^(Best: .*?\)\.)/.exec(told) || ["", ""];
    made.className = "hint";
    if (best) made.append(document.createElement("strong"));
    if (best) made.firstChild.textContent = best;
    made.append(told.slice(best.length));
    return made;
  }

  // Which axes matter: a bar for each share of the variance between settings.
  function bars(shares) {
    const made = document.createElement("table"), body = made.createTBody();
    made.className = "shares";
    for (const [name, share] of shares) {
      const line = row(body, [name, "", `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`], [false, false, true]);
      const bar = document.createElement("span");
      bar.className = "share";
      bar.style.width = `max(1px, min(${Math.round(220 * share)}px, ${(25 * share).toFixed(1)}vw))`;
      line.cells[1].append(bar);
    }
    return made;
  }

  function block(each, number) {
    const folded = content.answer.length > OPEN, words = each.words.map(sentence);
    const [made, tools, holder, table] = [folded ? "details" : "div", "p", "div", "table"].map((tag) => document.createElement(tag));
    const numeric = each.head.map((_, column) => each.rows.every((own) => /^[-−]?[\d.,]*$/.test(own.cells[column])));
    words[0].className = "sentence";
    holder.className = "scroll";
    tools.className = "copy";
    heading(table.createTHead(), each.head, numeric);
    const all = whole || opened.has(number), body = table.createTBody();
    for (const own of all ? each.rows : each.rows.slice(0, ROWS)) {
      const line = row(body, own.cells, numeric), place = content.places.get(own.run);
      if (own.best) line.className = "best";
      line.addEventListener("pointerenter", () => lit(place));
      line.addEventListener("pointerleave", () => lit(null));
    }
    copy.offer(tools, () => table);
    if (each.rows.length > ROWS) {
      const more = document.createElement("button");
      more.type = "button";
      more.className = "more";
      more.textContent = all ? `show the best ${ROWS}` : `show all ${each.rows.length.toLocaleString("en")} settings`;
      more.addEventListener("click", () => {
        if (!opened.delete(number)) opened.add(number);
        cases();
      });
      tools.prepend(more, " ");
    }
    const title = document.createElement(folded ? "summary" : "h3");
    title.textContent = each.label;
    if (folded) {
      title.append(words[0]);
      made.append(title);
      made.open = opened.has(number);
    } else {
      made.append(...(each.label ? [title] : []), words[0]);
    }
    holder.append(table);
    made.append(holder, tools, ...words.slice(1), ...(each.matter ? [sentence(`${each.matter}:`), bars(each.shares)] : []));
    return made;
  }

  function cases() {
    element("cases").replaceChildren(...content.answer.map(block));
  }

  // Prints R^2 in percent; the decimals give 1 - R^2 of `like` two significant digits.
  const decimals = (like) => like < 1 ? Math.min(Math.max(2, -Math.floor(Math.log10(1 - like)) - 1), 9) : 2;
  const percent = (value, like = value) => value === null ? "–" : (100 * value).toFixed(decimals(like));
  const interval = (low, high, r2) => `${percent(low, r2)} to ${percent(high, r2)}`;

  // The chart and the table of the effect of the chosen axis.
  function effect() {
    const axis = element("effect-axis").value, by = element("effect-by").value;
    const found = content.effects.find((each) => each.axis === axis && each.by === by);
    if (!found) return;
    const values = [...new Set(found.lines.flatMap((line) => line.points.map(([value]) => value)))];
    const text = found.scale === "category", scale = element("effect-scale").value;
    chart.draw(element("effect"), {
      key: [axis, by, scale].join(),
      x: { kind: found.scale, label: found.about, values: text && values.map((value) => value || "none"),
        marks: !text && values.length <= 12 ? values.sort((a, b) => a - b) : null },
      y: { kind: scale, label: "R² (%)", percent: true, below: true },
      series: [...(text ? [] : floors(found)), ...means(found, values, text)],
    });
    const lost = found.lines.reduce((sum, line) => sum + line.left_out, 0), several = found.lines.some((line) => line.seeds > 1);
    element("effect-hint").textContent = [
      several ? "Mean over the seeds with its 95 % interval." : "One seed: no interval.",
      found.rest.length ? `Averaged over ${found.rest.join(", ")}, only over combinations that have every value.` : "",
      lost ? `${lost} incomplete combination${lost === 1 ? "" : "s"} left out.` : "",
    ].filter(Boolean).join(" ");
    list(found, text);
  }

  function means(found, values, text) {
    const many = found.lines.length, at = (value, place) => text ? values.indexOf(value) + 0.5 * ((place + 0.5) / many - 0.5) : value;
    const told = (line, value, r2, low, high) => [`${found.axis} ${value || "none"}`, line.label,
      `R² ${percent(r2)} %${low === null ? "" : ` (${interval(low, high, r2)})`}`].filter(Boolean).join("\n");
    return found.lines.map((line, place) => ({
      name: line.label || "all", place, marks: 4, line: !text,
      points: line.points.map(([value, r2, low, high]) => ({ x: at(value, place), y: r2, low, high, text: told(line, value, r2, low, high) })),
    }));
  }

  function floors(found) {
    return found.floors.map((line) => ({
      name: line.label, place: 7 * (1 + FLOORS.indexOf(line.label)), grey: true,
      points: line.points.map(([value, r2]) => ({ x: value, y: r2, text: `${line.label}\nR² ${percent(r2)} %` })),
    }));
  }

  function list(found, text) {
    const kept = (cells) => found.by ? cells : cells.filter((_, place) => place !== 1), body = element("effect-table").tBodies[0];
    const numeric = kept([!text, false, true, false, true, true]);
    heading(element("effect-table").tHead, kept([found.axis, found.by, "R² %", "95 % interval", "combinations", "seeds"]), numeric);
    body.replaceChildren();
    for (const line of found.lines) for (const [value, r2, low, high] of line.points) {
      const told = low === null ? "–" : interval(low, high, r2);
      row(body, kept([String(value), line.label, percent(r2), told, String(line.combinations), String(line.seeds)]), numeric);
    }
  }

  function offer(id, names, first) {
    const select = element(id), value = select.value;
    if (JSON.stringify([...select.options].map((option) => option.value)) === JSON.stringify(names)) return;
    select.replaceChildren(...names.map((name) => new Option(name || "one line", name)));
    select.value = names.includes(value) && value ? value : first;
  }
  // At first the axis with the most values is shown.
  function axes() {
    const count = (each) => new Set(each.lines.flatMap((line) => line.points.map(([value]) => value))).size;
    const names = [...new Set(content.effects.map((each) => each.axis))], longest = Math.max(...content.effects.map(count));
    const first = content.effects.find((each) => count(each) === longest);
    offer("effect-axis", names, first && first.axis);
  }
  function lines() {
    const names = content.effects.filter((each) => each.axis === element("effect-axis").value).map((each) => each.by);
    offer("effect-by", names, names[0]);
  }

  function draw() {
    content.places = new Map(table.find("run_id").values.map((name, place) => [name, place]));
    cases();
    element("effects").hidden = !content.effects.length;
    axes();
    lines();
    effect();
  }

  return {
    prepare(data, whenLit) {
      [content, lit] = [data, whenLit];
      axes();
      state.bind("effect-axis", () => { lines(); effect(); });
      lines();
      state.bind("effect-by", effect);
      state.bind("effect-scale", effect);
      copy.offer(element("copy-effects"), () => element("effect-table"));
    },
    show(data) {
      content = data;
      draw();
    },
    // Shows all settings of all cases, as on paper, or those that the reader opened.
    all(wanted) {
      whole = wanted;
      cases();
    },
  };
})();
