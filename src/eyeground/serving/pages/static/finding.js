"use strict";
// The finding page: opacity, layers, zoom of photograph and map together, grades and walking along the list by keyboard.
{
  const kept = (name, otherwise) => localStorage.getItem(`eyeground.${name}`) ?? otherwise;
  const keep = (name, value) => localStorage.setItem(`eyeground.${name}`, value);
  const MOST = 8;
  const views = new WeakMap(); // of each stage: scale, and where its upper left corner lies, in squares

  function prepare() {
    document.querySelectorAll("[data-opacity]").forEach((slider) => { slider.value = kept("opacity", "100"); });
    document.querySelectorAll("[data-advance]").forEach((box) => { box.checked = kept("advance", "yes") === "yes"; });
    document.querySelectorAll("[data-stage]").forEach(fade);
    blind(kept("blind", "no") === "yes");
  }

  // A reader may want to grade before the model's answer is seen.
  function blind(hidden) {
    document.documentElement.classList.toggle("blind", hidden);
    document.querySelector("[data-does=blind]")?.setAttribute("aria-pressed", hidden);
  }

  function turnBlind() {
    keep("blind", kept("blind", "no") === "yes" ? "no" : "yes");
    blind(kept("blind", "no") === "yes");
  }

  function fade(stage) {
    const slider = stage.querySelector("[data-opacity]");
    stage.querySelectorAll(".layer").forEach((layer) => {
      const box = stage.querySelector(`[data-shows="${layer.dataset.layer}"]`);
      layer.style.opacity = box?.checked ? slider.value / 100 : 0;
    });
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-opacity]")) {
      keep("opacity", event.target.value);
      document.querySelectorAll("[data-opacity]").forEach((slider) => { slider.value = event.target.value; });
      document.querySelectorAll("[data-stage]").forEach(fade);
    }
    if (event.target.matches("[data-shows]")) fade(event.target.closest("[data-stage]"));
    if (event.target.matches("[data-advance]")) keep("advance", event.target.checked ? "yes" : "no");
  });

  function zoom(stage, factor, x = 0.5, y = 0.5) {
    const view = views.get(stage) ?? { scale: 1, x: 0, y: 0 };
    const scale = Math.min(MOST, Math.max(1, view.scale * factor));
    const grown = scale / view.scale;
    place(stage, scale, x - (x - view.x) * grown, y - (y - view.y) * grown);
  }

  function place(stage, scale, x, y) {
    const view = { scale, x: Math.min(0, Math.max(1 - scale, x)), y: Math.min(0, Math.max(1 - scale, y)) };
    views.set(stage, view);
    stage.classList.toggle("zoomed", scale > 1);
    stage.querySelectorAll(".canvas").forEach((canvas) => {
      canvas.style.transform = `translate(${100 * view.x}%, ${100 * view.y}%) scale(${scale})`;
    });
  }

  function pan(stage, x, y) {
    const view = views.get(stage);
    if (view) place(stage, view.scale, view.x + x, view.y + y);
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-does=blind]")) turnBlind();
    const button = event.target.closest("[data-zoom]");
    if (!button) return;
    const stage = button.closest("[data-stage]");
    if (button.dataset.zoom === "in") zoom(stage, 1.5);
    if (button.dataset.zoom === "out") zoom(stage, 1 / 1.5);
    if (button.dataset.zoom === "reset") place(stage, 1, 0, 0);
    if (button.dataset.zoom === "wide") {
      const wide = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", wide);
      stage.closest(".eye").classList.toggle("large", wide);
      stage.closest(".eyes").classList.toggle("wide", wide);
    }
  });
  document.addEventListener("dblclick", (event) => {
    const square = event.target.closest(".square");
    if (square) zoom(square.closest("[data-stage]"), 2, ...within(square, event));
  });
  document.addEventListener("wheel", (event) => {
    const square = event.target.closest?.(".square");
    if (!square || !(event.ctrlKey || square.closest(".zoomed"))) return; // else the page scrolls
    event.preventDefault();
    zoom(square.closest("[data-stage]"), event.deltaY < 0 ? 1.2 : 1 / 1.2, ...within(square, event));
  }, { passive: false });
  document.addEventListener("pointerdown", (event) => {
    const square = event.target.closest(".zoomed .square");
    if (!square) return;
    square.setPointerCapture(event.pointerId);
    const stage = square.closest("[data-stage]");
    let last = within(square, event);
    const move = (moved) => {
      const now = within(square, moved);
      pan(stage, now[0] - last[0], now[1] - last[1]);
      last = now;
    };
    square.addEventListener("pointermove", move);
    square.addEventListener("pointerup", () => square.removeEventListener("pointermove", move), { once: true });
  });

  function within(square, event) {
    const box = square.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  const current = () => document.querySelector("[data-current]");
  const go = (address) => { if (address) window.location.assign(address); };
  // What was graded may have left the list, as where only the ungraded are shown.
  const back = (finding) => { if (finding.dataset.before) go(finding.dataset.before); else window.history.back(); };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey && event.target.matches("textarea, [name=label]")) {
      const form = event.target.form;
      const button = form.querySelector("[data-saves]") ?? form.querySelector("[aria-pressed=true]");
      if (button) form.requestSubmit(button);
      return;
    }
    if (event.key === "Escape" && event.target.matches("textarea, input")) event.target.blur();
    if (window.eyeground.isTyping(event)) return;
    const finding = document.getElementById("finding");
    const stage = current()?.querySelector("[data-stage]");
    const isZoomed = stage?.classList.contains("zoomed");
    const arrows = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    if (event.target.matches("[data-opacity]") && event.key in arrows) return;
    if (isZoomed && event.key in arrows) {
      event.preventDefault();
      pan(stage, ...arrows[event.key]);
      return;
    }
    const does = {
      j: () => go(finding.dataset.after), ArrowRight: () => go(finding.dataset.after),
      k: () => back(finding), ArrowLeft: () => back(finding),
      u: () => go(finding.dataset.list), o: () => go(document.querySelector("[data-other]")?.dataset.other),
      h: turnBlind,
      c: () => current()?.querySelector("textarea")?.focus(),
      e: () => stage?.querySelector("[data-shows]")?.click(),
      "+": () => stage && zoom(stage, 1.5), "-": () => stage && zoom(stage, 1 / 1.5), 0: () => stage && place(stage, 1, 0, 0),
    }[event.key] ?? (/^[123]$/.test(event.key) ? () => current()?.querySelector(`[data-grade="${event.key}"]`)?.click() : null);
    if (!does) return;
    event.preventDefault();
    does();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    prepare();
    const isGrade = event.detail.requestConfig.verb === "post";
    const saved = document.getElementById(event.detail.target.id);
    if (isGrade && saved?.closest("[data-current]") && kept("advance", "yes") === "yes") {
      go(document.getElementById("finding").dataset.after);
    }
  });
  document.addEventListener("DOMContentLoaded", prepare);
}
