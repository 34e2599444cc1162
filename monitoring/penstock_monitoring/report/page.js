"use strict";
(() => {
  const form = document.querySelector("form[role=search]");
  const columns = [...document.querySelectorAll(".column")];
  const none = document.querySelector(".none");
  const find = form.querySelector("input");
  const buttons = [...form.querySelectorAll("button")];

  function show() {
    const text = find.value.trim().toLowerCase();
    const states = buttons.filter((one) => one.getAttribute("aria-pressed") === "true")
      .map((one) => one.dataset.state);
    let shown = 0;
    for (const column of columns) {
      const fits = column.dataset.name.includes(text) &&
        (states.length === 0 || states.includes(column.dataset.state));
      column.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    none.hidden = shown > 0;
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      show();
    });
  }
  find.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = columns.length < 2;
})();
