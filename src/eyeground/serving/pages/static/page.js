"use strict";
// What all pages share: the list of keys, questions before what cannot be undone, errors of requests as a sentence.
{
  const byId = (id) => document.getElementById(id);

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) byId(opener.dataset.opens).showModal();
    if (event.target.closest("[data-does='print']")) window.print();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event)) byId("keys").showModal();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopPropagation();
    const question = byId("confirm");
    question.querySelector("p").textContent = form.dataset.confirm;
    question.returnValue = "no";
    question.addEventListener("close", () => {
      if (question.returnValue !== "yes") return;
      form.dataset.confirmed = "yes";
      form.requestSubmit(event.submitter);
    }, { once: true });
    question.showModal();
  }, true);

  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    if (answer.status === 401) return;
    const sentence = document.createElement("p");
    sentence.textContent = textOf(answer.responseText) || `This did not work (${answer.status}).`;
    byId("notice").replaceChildren(sentence);
  });
  document.addEventListener("htmx:sendError", () => {
    const sentence = document.createElement("p");
    sentence.textContent = "The service does not answer. Is it running? What was accepted is not lost.";
    byId("notice").replaceChildren(sentence);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) byId("notice").replaceChildren();
  });

  function textOf(html) {
    return new DOMParser().parseFromString(html, "text/html").body.textContent.trim().slice(0, 400);
  }

  // Whether a key belongs to a field, a dialog or the browser rather than to the page.
  function isTyping(event) {
    return event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null ||
      event.target.closest("input:not([type=checkbox], [type=range]), select, textarea") !== null;
  }
  window.eyeground = { isTyping };
}
