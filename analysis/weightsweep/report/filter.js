"use strict";
// Filter of the runs: conditions `column=value` (=, !=, <, >, <=, >=) and words, joined by blanks or AND (all hold), OR, NOT and
// brackets. A list is encoder=64,8 or [64, 8]; text with blanks stands in quotes; column="" are the runs without a value.
const filter = (() => {
  const CONDITION = /^([\w.-]+?)(!=|<=|>=|=|<|>)(.*)$/s;
  const HOLDS = {
    "=": (sign) => sign === 0, "!=": (sign) => sign !== 0, "<": (sign) => sign < 0, ">": (sign) => sign > 0,
    "<=": (sign) => sign <= 0, ">=": (sign) => sign >= 0,
  };

  // A cell as it is compared: a list of numbers element by element, and its first different element decides.
  const key = (value, head) => head.kind !== "list" ? value : value === "" ? [] : value.split(",").map(Number);
  function compare(a, b) {
    if (!Array.isArray(a)) return a < b ? -1 : a > b ? 1 : 0;
    const place = a.findIndex((number, at) => number !== b[at]);
    return place < 0 ? a.length - b.length : place >= b.length ? 1 : a[place] - b[place];
  }

  // Outside quotes, blanks around an operator, in square brackets and after a list's comma do not matter; a comma before a column's
  // name separates.
  const tidy = (text) => text.replace(/\[([^\]]*)\]/g, (_, inside) => inside.replace(/\s/g, ""))
    .replace(/\s*(!=|<=|>=|=|<|>)\s*/g, "$1").replace(/(\d),\s+(?=\d)/g, "$1,").replace(/,(?=[\w.-]+(!=|<=|>=|=|<|>))/g, " ");
  const tidied = (text) => text.split(/("[^"]*")/).map((part, place) => place % 2 ? part : tidy(part)).join("");
  const tokens = (text) => tidied(text).match(/[()]|(?:[^\s()"]|"[^"]*")+/g) || [];
  const grouped = /^([-+]?\d{1,3})((,\d{3})+)$/; // 30,000
  const bare = (text) => text.replaceAll('"', "");

  function condition(token, columns, cell, format) {
    const parts = CONDITION.exec(token);
    if (!parts || token.startsWith('"')) {
      const word = bare(token).toLowerCase();
      return (place) => columns.some((head) => cell(place, head) !== null && format(cell(place, head), head).toLowerCase().includes(word));
    }
    const head = columns.find((each) => each.name === parts[1]), holds = HOLDS[parts[2]];
    if (!head) throw new Error(`no column '${parts[1]}'`);
    if (parts[3] === '""') return (place) => holds([null, ""].includes(cell(place, head)) ? 0 : 1);
    const plain = bare(parts[3]), numeric = head.kind === "number", scaled = numeric && plain.endsWith("%");
    const text = numeric ? plain.replace(/%$/, "").replace(grouped, (all) => all.replaceAll(",", "")) : plain;
    if (text === "") throw new Error(`'${token}': the value is missing`);
    const value = numeric ? Number(text) / (scaled ? 100 : 1) : key(text, head);
    if ([value].flat().some(Number.isNaN)) throw new Error(`'${token}': the value is not a number`);
    // The value that is shown is as good as the file's own.
    const equal = numeric ? (own) => own === value || Number(format(own, head).replaceAll(",", "")) === value
      : (own) => own.toLowerCase() === text.toLowerCase();
    return (place) => {
      const own = cell(place, head);
      return own !== null && holds(equal(own) ? 0 : compare(key(own, head), value) || 1);
    };
  }

  // Returns the function that says whether the run at a place passes. Throws an Error with the mistake.
  function parse(text, columns, cell, format) {
    const left = tokens(text), is = (word) => left.length > 0 && left[0].toUpperCase() === word;
    function either() {
      const parts = [all()];
      while (is("OR")) {
        left.shift();
        parts.push(all());
      }
      return parts.length === 1 ? parts[0] : (place) => parts.some((part) => part(place));
    }
    function all() {
      const parts = [];
      while (left.length && !is("OR") && !is(")")) {
        if (is("AND")) left.shift();
        else parts.push(one());
      }
      if (!parts.length) throw new Error(`a condition is missing ${left.length ? `before '${left[0]}'` : "at the end"}`);
      return (place) => parts.every((part) => part(place));
    }
    function one() {
      const token = left.shift();
      if (token === undefined) throw new Error("a condition is missing at the end");
      if (token.toUpperCase() === "NOT") {
        const part = one();
        return (place) => !part(place);
      }
      if (token !== "(") return condition(token, columns, cell, format);
      const inside = either();
      if (left.shift() !== ")") throw new Error("a bracket is not closed");
      return inside;
    }
    if (!left.length) return () => true;
    const whole = either();
    if (left.length) throw new Error(`a condition is missing before '${left[0]}'`);
    return whole;
  }

  return { compare, key, parse };
})();
