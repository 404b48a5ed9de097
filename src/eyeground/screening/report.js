"use strict";
(() => {
  const one = selector => document.querySelector(selector);
  const all = selector => [...document.querySelectorAll(selector)];
  const table = one("#findings");
  const byPatient = table.classList.contains("patients");
  const search = one("#search");
  const output = one("#output");
  const heads = all("#findings th[data-key]");
  const counts = all(".counts button");
  const statuses = counts.map(button => button.dataset.status);
  const viewer = one("#viewer");
  const keys = one("#keys");
  const fade = one("#fade");
  document.documentElement.classList.add("scripted");

  const blocks = [...table.tBodies];
  const rowsPerBlock = blocks[0].querySelectorAll("tr:not(.patient)").length;

  // What moves together when the table is sorted: a patient, or a photograph where no patients are known.
  let units = [];
  for (const row of all("#findings tbody tr")) {
    const isHeading = row.classList.contains("patient");
    if (isHeading || !byPatient) units.push({ nodes: [], photos: [], heading: isHeading ? row : null, index: units.length, name: isHeading ? row.querySelector(".who").textContent : null });
    const unit = units.at(-1);
    unit.nodes.push(row);
    if (isHeading) continue;
    unit.name ??= row.querySelector(".photo").textContent;
    unit.photos.push({
      row,
      patient: unit.heading ? unit.name : "",
      status: row.className,
      opener: row.querySelector(".photo button"),
      image: row.querySelector("img"),
      picture: row.querySelector(".pictures a")?.getAttribute("href"),
      words: `${row.querySelector(".photo").textContent} ${unit.heading ? unit.name : ""}`.toLowerCase(),
    });
  }
  let photos = units.flatMap(unit => unit.photos);
  let shown = photos;
  let current = null;

  // Thumbnails lie in the file as text and become pictures when their block comes near the screen.
  const reveal = image => {
    if (image?.dataset.webp) {
      image.src = `data:image/webp;base64,${image.dataset.webp}`;
      image.removeAttribute("data-webp");
    }
    return image?.src;
  };
  const near = new IntersectionObserver(entries => {
    for (const entry of entries) if (entry.isIntersecting) {
      for (const image of entry.target.querySelectorAll("img")) reveal(image);
    }
  }, { rootMargin: "1200px 0px" });
  for (const block of blocks) near.observe(block);

  // The large picture, if the folder of pictures still lies beside this file; otherwise null.
  const large = photo => photo.large ??= new Promise(resolve => {
    const probe = new Image();
    probe.onload = () => resolve(probe.src);
    probe.onerror = () => resolve(null);
    if (photo.picture) probe.src = photo.picture; else resolve(null);
  });

  const chosen = () => statuses.filter((_, index) => counts[index].getAttribute("aria-pressed") === "true");
  const filterInWords = () => {
    const words = search.value.trim();
    return [chosen().length ? `${chosen().join(", ")} only` : "", words ? `“${words}”` : ""].filter(Boolean).join(", ");
  };
  const count = number => number.toLocaleString("en");
  const tell = () => {
    const filter = filterInWords();
    const place = current ? shown.indexOf(current) + 1 : 0;
    one("#shown").textContent = `${count(shown.length)} of ${count(photos.length)} shown${filter ? `: ${filter}` : ""}`;
    one("#place").textContent = place ? `; at ${count(place)}` : "";
    one("#position").textContent = `${place ? `${count(place)} of ` : ""}${count(shown.length)}: ${filter || "all"}`;
  };

  // Where photographs have numbers instead of names, "photo 1" means the first and not also the tenth.
  const matcher = () => {
    const words = search.value.trim().toLowerCase();
    if (!("numbered" in table.dataset)) return photo => photo.words.includes(words);
    const escaped = words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const pattern = new RegExp(`${/^\d/.test(words) ? "(?<!\\d)" : ""}${escaped}${/\d$/.test(words) ? "(?!\\d)" : ""}`);
    return photo => pattern.test(photo.words);
  };
  const filter = () => {
    const wanted = new Set(chosen());
    const matches = matcher();
    shown = photos.filter(photo => (!wanted.size || wanted.has(photo.status)) && matches(photo));
    const kept = new Set(shown);
    for (const unit of units) {
      for (const photo of unit.photos) photo.row.hidden = !kept.has(photo);
      if (unit.heading) unit.heading.hidden = unit.photos.every(photo => photo.row.hidden);
    }
    for (const block of blocks) {
      const rows = [...block.rows].filter(row => !row.hidden).length;
      block.hidden = !rows;
      block.style.setProperty("--shown", rows);
    }
    for (const button of all(".filter button")) button.setAttribute("aria-pressed", String(wanted.has(button.dataset.status)));
    if (viewer.open && !kept.has(current)) {
      const place = photos.indexOf(current);
      open(shown.find(photo => photos.indexOf(photo) > place) ?? shown.at(-1) ?? null);
    }
    tell();
  };
  const press = status => {
    const button = counts[statuses.indexOf(status)];
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    filter();
  };
  const clear = () => {
    for (const button of counts) button.setAttribute("aria-pressed", "false");
    search.value = "";
    filter();
  };

  const collator = new Intl.Collator("en", { numeric: true });
  const number = (photo, key) => {
    if (key === "rank") return statuses.indexOf(photo.status);
    const text = key === "probability" ? photo.row.dataset.probabilities.split(" ")[output ? output.value : 0] : photo.row.dataset[key];
    return text ? Number(text) : NaN;
  };
  const sort = (head, direction) => {
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    const key = head.dataset.key;
    const value = unit => {
      if (key === "name") return unit.name;
      const known = unit.photos.map(photo => number(photo, key)).filter(value => !Number.isNaN(value));
      return known.length ? (direction > 0 ? Math.min(...known) : Math.max(...known)) : null;
    };
    const keyed = units.map(unit => ({ unit, value: value(unit) }));
    const compare = key === "name" ? collator.compare : (a, b) => a - b;
    keyed.sort((a, b) => (a.value === null) - (b.value === null) || (a.value === null ? 0 : direction * compare(a.value, b.value)) || a.unit.index - b.unit.index);
    units = keyed.map(item => item.unit);
    photos = units.flatMap(unit => unit.photos);
    lay();
    filter();
  };
  // Blocks are filled while they are out of the document: moved one by one inside it, thousands of rows take minutes.
  const lay = () => {
    for (const block of blocks) block.remove();
    const nodes = units.flatMap(unit => unit.nodes);
    let laid = 0;
    for (const block of blocks) {
      const rows = [];
      for (let held = 0; laid < nodes.length && held < rowsPerBlock; laid++) {
        rows.push(nodes[laid]);
        held += nodes[laid].classList.contains("patient") ? 0 : 1;
      }
      block.replaceChildren(...rows);
    }
    table.append(...blocks);
  };
  const sortByOutput = () => {
    table.dataset.output = output.value;
    sort(heads.find(head => head.dataset.key === "probability"), -1);
  };

  const mark = photo => {
    current?.row.removeAttribute("aria-current");
    current = photo;
    current?.row.setAttribute("aria-current", "true");
    tell();
  };
  const open = photo => {
    mark(photo);
    one("#seen").hidden = !photo;
    one("#viewed").textContent = photo ? photo.opener.textContent : "No photograph";
    if (photo) paint(photo);
    if (!viewer.open) viewer.showModal();
    if (shown.length) large(shown[Math.min(shown.indexOf(photo) + 1, shown.length - 1)]);
  };
  const paint = photo => {
    const scale = photo.row.querySelector(".scale")?.textContent;
    const eye = photo.row.querySelector(".eye")?.textContent;
    one("#whose").textContent = [photo.patient, eye].filter(Boolean).join(", ");
    one(".verdict").className = `verdict ${photo.status}`;
    for (const part of ["action", "status"]) one(`.verdict .${part}`).textContent = photo.row.querySelector(`.said .${part}`).textContent;
    for (const part of all("#viewer [data-copy-of]")) part.replaceChildren(...[photo.row.querySelector(part.dataset.copyOf)?.cloneNode(true)].filter(Boolean));
    one(".stage").hidden = !photo.image;
    one(".stage").classList.toggle("alone", !scale);
    for (const part of all("#viewer .explained")) part.hidden = !scale;
    one("#scale").textContent = scale ?? "";
    one("#file").hidden = true;
    const images = all("#viewer .square img");
    const fill = source => { for (const image of images) image.src = source; };
    images[0].alt = photo.image?.alt ?? "";
    if (photo.image) fill(reveal(photo.image));
    large(photo).then(source => {
      if (!source || photo !== current) return;
      fill(source);
      one("#file").hidden = false;
      one("#file").href = photo.picture;
    });
  };
  const step = by => {
    if (!shown.length) return;
    const place = shown.indexOf(current);
    const next = shown[place < 0 ? 0 : Math.min(Math.max(place + by, 0), shown.length - 1)];
    if (viewer.open) { open(next); return; }
    mark(next);
    next.opener.focus({ preventScroll: true });
    next.row.scrollIntoView({ block: "center" });
  };
  const look = opacity => {
    fade.value = opacity;
    one("#viewer .over").style.opacity = opacity / 100;
    one("#faded").textContent = `${opacity} %`;
  };

  const print = async () => {
    await Promise.all(shown.map(async photo => {
      if (!photo.image) return;
      reveal(photo.image);
      const source = byPatient ? await large(photo) : null;
      if (source) photo.image.src = source;
      if (!photo.image.complete) await new Promise(loaded => { photo.image.onload = photo.image.onerror = loaded; });
    }));
    window.print();
  };
  window.addEventListener("beforeprint", () => { for (const photo of shown) reveal(photo.image); });

  for (const button of [...counts, ...all(".filter button")]) button.addEventListener("click", () => press(button.dataset.status));
  search.addEventListener("input", filter);
  for (const head of heads) head.querySelector("button").addEventListener("click", () => {
    const direction = head.getAttribute("aria-sort");
    const first = head.dataset.key === "probability" ? -1 : 1;
    sort(head, direction ? (direction === "ascending" ? -1 : 1) : first);
  });
  output?.addEventListener("change", sortByOutput);
  const photoOf = new Map(photos.map(photo => [photo.row, photo]));
  table.addEventListener("click", event => {
    if (!event.target.closest(".photo button, .pictures a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(photoOf.get(event.target.closest("tr")));
  });
  table.addEventListener("focusin", event => {
    const photo = photoOf.get(event.target.closest("tr"));
    if (photo && photo !== current && !viewer.open) mark(photo);
  });
  fade.addEventListener("input", () => look(Number(fade.value)));
  viewer.addEventListener("close", () => {
    if (!current) return;
    current.opener.focus({ preventScroll: true });
    current.row.scrollIntoView({ block: "nearest" });
  });
  for (const button of all("[data-does]")) button.addEventListener("click", () => does[button.dataset.does]());

  const does = {
    next: () => step(1),
    previous: () => step(-1),
    close: () => (keys.open ? keys : viewer).close(),
    keys: () => (keys.open ? keys.close() : keys.showModal()),
    print,
    clear,
    evidence: () => look(Number(fade.value) ? 0 : 100),
    search: () => { viewer.close(); search.focus(); search.select(); },
    enter: () => { if (!viewer.open && shown.length) open(current && shown.includes(current) ? current : shown[0]); },
  };
  const meanings = { j: "next", k: "previous", "?": "keys", e: "evidence", "/": "search", 0: "clear" };
  const arrows = { ArrowRight: "next", ArrowLeft: "previous", ArrowDown: "next", ArrowUp: "previous" };
  const meaningOf = event => {
    const at = event.target;
    if (at === search || at === output) return null;
    if (event.key in meanings) return meanings[event.key];
    if (event.key in arrows && at !== fade && (viewer.open || at.closest(".photo"))) return arrows[event.key];
    return event.key === "Enter" && at === document.body ? "enter" : null;
  };
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target === search) { search.value = ""; filter(); search.blur(); return; }
    const meaning = meaningOf(event);
    if (meaning && !(keys.open && meaning !== "keys")) {
      event.preventDefault();
      does[meaning]();
    } else if (/^[1-9]$/.test(event.key) && event.target !== search && event.target !== output && !keys.open && statuses[event.key - 1]) {
      press(statuses[event.key - 1]);
    }
  });
  look(0);
  filter();
})();
