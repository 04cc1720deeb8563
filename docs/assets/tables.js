// On a phone a table of three columns or more becomes a list: each cell needs the name of its column.
// Long names in code may break after / _ and .; short ones stay whole.
document$.subscribe(() => {
  document.querySelectorAll(".md-typeset table:not([class])").forEach((table) => {
    const names = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent);
    if (names.length >= 3) table.dataset.stack = "";
    if (names.length >= 8) table.dataset.dense = "";
    table.querySelectorAll("tbody tr").forEach((row) =>
      [...row.cells].forEach((cell, column) => { cell.dataset.name = names[column]; }));
    table.querySelectorAll("td code").forEach((code) => {
      if (code.textContent.length < 18) { code.dataset.short = ""; return; }
      const parts = code.textContent.split(/(?<=[/_.])(?=.)/);
      code.replaceChildren(...parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part])));
    });
  });
});
