"use strict";
// Tables as text for other programs: CSV with exact values, Markdown and LaTeX as shown.
const copy = (() => {
  const FORMS = {
    CSV: (rows) => rows.map((row) => row.map(({ exact }) => /[",\n\r]/.test(exact) ? `"${exact.replaceAll('"', '""')}"` : exact).join(",")).join("\n"),
    Markdown: (rows) => [rows[0].map(({ text }) => markdown(text)), rows[0].map(({ left }) => left ? "---" : "---:"), ...rows.slice(1).map((row) => row.map(({ text }) => markdown(text)))]
      .map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
    LaTeX: (rows) => [`\\begin{tabular}{${rows[0].map(({ left }) => left ? "l" : "r").join("")}}`, "\\hline", line(rows[0]), "\\hline", ...rows.slice(1).map(line), "\\hline", "\\end{tabular}"].join("\n"),
  };
  const markdown = (text) => text.replaceAll("|", "\\|").replace(/\s+/g, " ");
  const ESCAPES = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "²": "\\textsuperscript{2}", "–": "--", "±": "$\\pm$", "−": "$-$" };
  const latex = (text) => text.replace(/[\\~^²–±−&%$#_{}]/g, (sign) => ESCAPES[sign] || `\\${sign}`);
  const line = (row) => `${row.map(({ text }) => latex(text)).join(" & ")} \\\\`;

  const cells = (table) => [...table.rows].filter((row) => row.offsetParent !== null || row.closest("thead")).map((row) => [...row.cells].map((cell) =>
    ({ text: cell.textContent, exact: cell.dataset.exact ?? (cell.textContent === "–" ? "" : cell.textContent), left: cell.classList.contains("text") })));

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
    FORMS, cells,
    // Buttons that copy the table; their place is the element `holder`.
    offer(holder, table) {
      const said = document.createElement("output");
      holder.replaceChildren("Copy as ", ...Object.keys(FORMS).map((form) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = form;
        button.addEventListener("click", () => put(`${FORMS[form](cells(table()))}\n`, said));
        return button;
      }), said);
    },
  };
})();
