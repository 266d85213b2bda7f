"use strict";
// Tables as text for other programs: CSV with exact values, Markdown and LaTeX as shown.
const copy = (() => {
  const FORMS = {
    CSV: ([...rows]) => rows.map((row) => row.map(({ exact }) => quoted(exact)).join(",")),
    Markdown: ([head, ...rows]) => {
      const texts = (row) => row.map(({ text }) => text.replaceAll("|", "\\|").replace(/\s+/g, " "));
      return [texts(head), head.map(({ left }) => left ? "---" : "---:"), ...rows.map(texts)].map((cells) => `| ${cells.join(" | ")} |`);
    },
    LaTeX: ([head, ...rows]) => {
      const columns = head.map(({ left }) => left ? "l" : "r").join("");
      return [`\\begin{tabular}{${columns}}`, "\\hline", line(head), "\\hline", ...rows.map(line), "\\hline", "\\end{tabular}"];
    },
  };
  const quoted = (text) => /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const ESCAPES = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "²": "\\textsuperscript{2}", "–": "--", "±": "$\\pm$", "−": "$-$",
  };
  const latex = (text) => text.replace(/[\\~^²–±−&%$#_{}]/g, (sign) => ESCAPES[sign] || `\\${sign}`);
  // As table.py: a range is `1--2`, with a negative end `$-1$ to $2$`.
  function value(text) {
    const ends = text.replaceAll("−", "-").split(" to ");
    if (ends.length > 2 || !ends.every((end) => /^-?[0-9][0-9.,]*$/.test(end))) return latex(text);
    return ends.some((end) => end[0] === "-") ? ends.map((end) => `$${end}$`).join(" to ") : ends.join("--");
  }
  const line = (row) => `${row.map(({ text }) => value(text)).join(" & ")} \\\\`;

  const cell = (own) => ({
    text: own.textContent, exact: own.dataset.exact ?? (own.textContent === "–" ? "" : own.textContent), left: own.classList.contains("text"),
  });
  // The table in one of FORMS.
  const as = (form, table) => FORMS[form]([...table.rows].map((row) => [...row.cells].map(cell))).map((each) => `${each}\n`).join("");

  async function put(text, said) {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
    } catch { // no clipboard here: the text is offered for copying by hand
      const dialog = document.createElement("dialog"), area = document.createElement("textarea");
      area.value = text;
      dialog.append(area);
      dialog.addEventListener("close", () => dialog.remove());
      document.body.append(dialog);
      dialog.showModal();
      area.select();
    }
  }

  return {
    as,
    // Buttons that copy the table; their place is the element `holder`.
    offer(holder, table) {
      const said = document.createElement("output");
      holder.replaceChildren("Copy as ", ...Object.keys(FORMS).map((form) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = form;
        button.addEventListener("click", () => put(as(form, table()), said));
        return button;
      }), said);
    },
  };
})();
