"use strict";
// The worklist by keyboard.
{
  const rows = () => [...document.querySelectorAll("a.opens")];

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.id === "search") {
      event.preventDefault(); // which would empty the field
      event.target.blur();
    }
    if (window.eyeground.isTyping(event)) return;
    const does = {
      j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
      n: () => click("#page-after"), p: () => click("#page-before"),
      "/": () => document.querySelector("#search").focus(),
    }[event.key] ?? (/^[1-8]$/.test(event.key) ? () => click(`[data-key="${event.key}"]`) : null);
    if (!does) return;
    event.preventDefault();
    does();
  });

  function move(step) {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
    if (!all[next]) return;
    all[next].focus({ preventScroll: true });
    all[next].closest("tr").scrollIntoView({ block: "nearest" });
  }

  function click(selector) {
    document.querySelector(selector)?.click();
  }

  // A click anywhere in a row opens it, as its link does.
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".worklist tbody tr");
    if (row && !event.target.closest("a") && !window.getSelection().toString()) row.querySelector("a.opens").click();
  });
}
