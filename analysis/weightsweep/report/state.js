"use strict";
// The page's address holds the controls that the reader changed, so a copied link shows the same page. Controls at their default are left out.
const state = (() => {
  const read = () => new URLSearchParams(location.hash.slice(1));

  function set(name, value) {
    const all = read();
    if (value === null) all.delete(name);
    else all.set(name, value);
    history.replaceState(null, "", `#${all}`);
  }

  window.addEventListener("hashchange", () => location.reload()); // another link of this page; replaceState sends no such event
  return {
    get: (name) => read().get(name),
    set,
    // Takes a control's value from the address; `changed` is called when the reader changes it.
    bind(id, changed) {
      const control = document.getElementById(id), kind = control.type === "checkbox" ? "checked" : "value";
      const first = control[kind], saved = read().get(id);
      if (saved !== null) control[kind] = kind === "checked" ? saved === "1" : saved;
      if (control.selectedIndex === -1) control.value = first; // a choice that no longer exists
      control.addEventListener(control.type === "search" ? "input" : "change", () => {
        set(id, control[kind] === first ? null : kind === "checked" ? String(Number(control.checked)) : control.value);
        changed();
      });
    },
  };
})();
