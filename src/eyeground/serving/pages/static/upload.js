"use strict";
// Photographs go to the API one by one, three at a time; what the service has no room for waits, what fails can be sent again.
{
  const AT_ONCE = 3, TRIES = 4, LOOK_EVERY = 1000;
  const byId = (id) => document.getElementById(id);
  const token = document.querySelector("meta[name=csrf-token]").content;
  const ARCHIVE = /\.(zip|tar|tgz|tar\.gz|tar\.bz2|tar\.xz)$/i;
  const EYES = { od: "right", r: "right", re: "right", right: "right", os: "left", l: "left", le: "left", left: "left" };
  const WORDS = { abnormal: "suspected", ungradable: "retake", unfamiliar: "look yourself", unreadable: "check file", undecided: "not judged", normal: "nothing suspected" };
  const state = { waiting: [], sending: 0, sent: 0, known: 0, total: 0, refused: [], batches: new Map(), batch: null, started: 0, watching: null };

  const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });

  // P-0042_OD.jpg and left/P-0042.jpg say whose eye it is.
  function fromName(path) {
    const parts = path.split("/");
    const stem = parts.at(-1).replace(/\.[^.]*$/, "");
    const words = stem.split(/[ _.-]+/);
    const at = words.findIndex((word, place) => place > 0 && EYES[word.toLowerCase()]);
    if (at > 0) return { patient: stem.slice(0, stem.indexOf(words[at], words[0].length)).replace(/[ _.-]+$/, ""), eye: EYES[words[at].toLowerCase()] };
    const folder = parts.slice(0, -1).map((part) => EYES[part.toLowerCase()]).find(Boolean);
    return folder ? { patient: "", eye: folder } : { patient: "", eye: "" };
  }

  async function ask(address, options = {}) {
    const answer = await fetch(address, { ...options, headers: { "X-CSRF-Token": token, Accept: "application/json" } });
    if (answer.status === 401) window.location.assign("/login?next=/upload");
    return answer;
  }

  async function add(files) {
    const chosen = [...files].filter(({ file, path }) => file.size > 0 || !path.split("/").some((part) => part.startsWith(".")));
    const visible = chosen.filter(({ path }) => !/(^|\/)(\.|Thumbs\.db$|desktop\.ini$|__MACOSX)/i.test(path));
    if (!visible.length) return;
    if (!state.started) state.started = Date.now();
    const typed = { patient: byId("patient").value.trim(), camera: byId("camera").value.trim(), visit: byId("visit").value };
    for (const one of visible) one.fields ??= fieldsOf(one, typed); // as they are now: the next patient may be typed while these are sent
    localStorage.setItem("eyeground.camera", typed.camera);
    tellNames(visible);
    state.total += visible.length;
    state.waiting.push(...visible);
    const isFirst = byId("progress").hidden;
    byId("progress").hidden = false;
    if (isFirst) byId("progress-title").focus({ preventScroll: true });
    byId("progress").scrollIntoView({ block: "nearest" });
    show();
    try {
      if (!state.batch && visible.some(({ file }) => !ARCHIVE.test(file.name))) state.batch = newBatch(visible);
      await state.batch;
    } catch {
      state.batch = null;
      state.waiting.splice(0).forEach((one) => refuse(one, "The service does not answer.", true));
    }
    for (let lane = state.sending; lane < AT_ONCE; lane++) work();
    state.watching ??= setTimeout(watch, LOOK_EVERY);
  }

  function fieldsOf(one, typed) {
    const named = byId("names").checked ? fromName(one.path) : { patient: "", eye: "" };
    return { ...typed, patient: typed.patient || named.patient, eye: named.eye };
  }

  // One example, so that names which mean something else are noticed; then the field is free for the next patient.
  function tellNames(files) {
    const example = files.find((one) => one.fields.patient || one.fields.eye);
    const { patient, eye } = example?.fields ?? {};
    byId("named").textContent = example ? `${example.path} was sent as ${patient ? `patient ${patient}` : "no patient"}, ${eye ? `${eye} eye` : "eye not named"}.` : "No patient and no eye is named; they can be added on the finding pages.";
    byId("patient").value = "";
  }

  async function newBatch(files) {
    const body = new FormData();
    const folder = files[0].path.includes("/") ? files[0].path.split("/")[0] : "";
    body.set("name", folder || files[0].fields.patient || new Date().toLocaleString("sv").slice(0, 16));
    const answer = await ask("/api/v1/batches", { method: "POST", body });
    if (!answer.ok) throw new Error();
    const batch = await answer.json();
    state.batches.set(batch.id, batch);
    return batch.id;
  }

  async function work() {
    state.sending++;
    while (state.waiting.length) {
      await send(state.waiting.shift());
      show();
    }
    state.sending--;
    show();
  }

  async function send(one) {
    const isArchive = ARCHIVE.test(one.file.name);
    const most = Number(byId("upload").dataset[isArchive ? "archiveBytes" : "photoBytes"]);
    if (one.file.size > most) return refuse(one, `It has ${megabytes(one.file.size)} MB; ${megabytes(most)} MB are accepted.`, false);
    const body = new FormData();
    if (!isArchive) {
      const fields = { ...one.fields, batch: await state.batch };
      for (const [name, value] of Object.entries(fields)) if (value) body.set(name, value);
      body.set("priority", state.total <= 4 ? "interactive" : "routine");
    }
    body.set("file", one.file, one.file.name);
    for (let tried = 0; ; tried++) {
      const answer = await ask(isArchive ? "/api/v1/archives" : "/api/v1/photos", { method: "POST", body }).catch(() => null);
      if (answer?.ok) return accepted(isArchive, await answer.json());
      if (answer?.status === 429) {
        await pause(Number(answer.headers.get("Retry-After") ?? 5));
        tried = 0; // it has room for it later
        continue;
      }
      const isLasting = answer !== null && answer.status < 500;
      if (isLasting || tried >= TRIES) return refuse(one, answer ? await reason(answer) : "The service does not answer.", !isLasting);
      await pause(2 ** tried);
    }
  }

  function accepted(isArchive, answer) {
    state.sent++;
    if (isArchive) state.batches.set(answer.id, answer);
    else if (answer.known) state.known++;
  }

  async function reason(answer) {
    const { detail } = await answer.json().catch(() => ({}));
    if (typeof detail === "string") return detail.charAt(0).toUpperCase() + detail.slice(1) + (/[.!]$/.test(detail) ? "" : ".");
    return Array.isArray(detail) ? detail.map((one) => `${one.loc.at(-1)}: ${one.msg}`).join("; ") : `It was refused (${answer.status}).`;
  }

  function refuse(one, why, again) {
    state.refused.push({ one, again });
    const row = byId("refused").querySelector("tbody").insertRow();
    row.insertCell().textContent = one.path;
    row.insertCell().textContent = why;
    row.again = again ? one : null;
    byId("refused").hidden = false;
  }

  byId("retry").addEventListener("click", () => {
    const again = state.refused.filter((one) => one.again).map((one) => one.one);
    state.refused = state.refused.filter((one) => !one.again);
    for (const row of [...byId("refused").querySelectorAll("tbody tr")]) if (row.again) row.remove();
    byId("refused").hidden = state.refused.length === 0;
    state.total -= again.length;
    add(again);
  });

  byId("cancel").addEventListener("click", async () => {
    state.waiting.splice(0).forEach((one) => refuse(one, "It was cancelled before it was sent.", true));
    for (const id of state.batches.keys()) await ask(`/api/v1/batches/${id}/cancel`, { method: "POST" }).catch(() => null);
    state.batch = null;
  });

  async function watch() {
    for (const id of state.batches.keys()) {
      const answer = await ask(`/api/v1/batches/${id}`).catch(() => null);
      if (answer?.ok) state.batches.set(id, await answer.json());
    }
    show();
    state.watching = isDone() ? null : setTimeout(watch, LOOK_EVERY);
  }

  const isSent = () => state.sending === 0 && state.waiting.length === 0;
  const isDone = () => isSent() && [...state.batches.values()].every((batch) => batch.state !== "running");
  let lastSpoken = 0;

  function show() {
    const batches = [...state.batches.values()];
    const statuses = {};
    for (const batch of batches) for (const [status, count] of Object.entries(batch.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
    const done = Object.values(statuses).reduce((sum, count) => sum + count, 0);
    const photos = batches.reduce((sum, batch) => sum + batch.photos, 0);
    fill("sent", state.sent, state.total - state.refused.length);
    fill("done", done, Math.max(photos, done));
    const seconds = (Date.now() - state.started) / 1000;
    const rate = done / seconds, left = rate > 0 ? Math.max(0, photos + state.waiting.length - done) / rate : 0;
    const unpacking = batches.some((batch) => batch.unpacking) ? "Unpacking. " : "";
    const known = state.known ? `${state.known} were there already. ` : "";
    byId("rate").textContent = `${unpacking}${known}${isDone() ? "" : done > 2 ? `${rate.toFixed(1)} photographs a second, about ${duration(left)} left.` : ""}`;
    byId("results").replaceChildren(...Object.entries(WORDS).filter(([status]) => statuses[status]).map(([status, words]) => {
      const item = document.createElement("li"), count = document.createElement("b");
      item.className = status;
      count.textContent = statuses[status];
      item.append(count, ` ${words}`);
      return item;
    }));
    byId("cancel").hidden = isDone();
    byId("retry").hidden = !state.refused.some((one) => one.again);
    byId("progress-title").textContent = isDone() ? "Done" : isSent() ? "Screening" : "Sending";
    if (isDone() || Date.now() - lastSpoken > 10_000) {
      lastSpoken = Date.now();
      byId("spoken").textContent = `${state.sent} sent, ${done} screened${state.refused.length ? `, ${state.refused.length} not accepted` : ""}.`;
    }
    nextStep(batches, statuses);
  }

  function nextStep(batches, statuses) {
    const links = [];
    for (const batch of batches) {
      if (statuses.ungradable) links.push(link(`/worklist?batch=${batch.id}&status=ungradable`, `Retake ${statuses.ungradable}`, "button"));
      links.push(link(`/worklist?batch=${batch.id}`, batches.length > 1 ? `Worklist of ${batch.name}` : "Worklist of these", "button"));
    }
    byId("next-step").replaceChildren(...links);
  }

  function link(address, words, kind) {
    const made = document.createElement("a");
    Object.assign(made, { href: address, textContent: words, className: kind });
    return made;
  }

  function fill(name, value, most) {
    byId(`${name}-bar`).max = Math.max(1, most);
    byId(`${name}-bar`).value = value;
    byId(name).textContent = `${value} of ${most}`;
  }

  const megabytes = (bytes) => Math.ceil(bytes / 2 ** 20);
  const duration = (seconds) => seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`;

  for (const id of ["files", "folder"]) {
    byId(id).addEventListener("change", ({ target }) => {
      add([...target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      target.value = "";
    });
  }
  const drop = byId("drop");
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => drop.classList.remove("over"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const loose = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
    add(entries.some((entry) => entry.isDirectory) ? (await Promise.all(entries.map(walk))).flat() : loose);
  });
  async function walk(entry) {
    if (entry.isFile) return [{ file: await new Promise((resolve, reject) => { entry.file(resolve, reject); }), path: entry.fullPath.slice(1) }];
    const reader = entry.createReader(), found = [];
    for (;;) { // a reader gives a hundred at a time
      const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
      if (!some.length) return (await Promise.all(found.map(walk))).flat();
      found.push(...some);
    }
  }
  byId("camera").value = localStorage.getItem("eyeground.camera") ?? "";
  byId("upload").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("beforeunload", (event) => { if (!isSent()) event.preventDefault(); });
}
