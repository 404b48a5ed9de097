"use strict";
(() => {
  const one = selector => document.querySelector(selector);
  const all = selector => [...document.querySelectorAll(selector)];
  const findings = one("#findings");
  const byPatient = findings.classList.contains("patients");
  const search = one("#search");
  const order = one("#order");
  const counts = all(".counts button");
  const statuses = counts.map(button => button.dataset.status);
  const viewer = one("#viewer");
  const keys = one("#keys");
  const fade = one("#fade");
  const reasons = all(".thresholds .why").map(cell => cell.textContent);
  document.documentElement.classList.add("scripted");

  const blocks = all("#findings .block");
  const unitsPerBlock = Math.max(...blocks.map(block => block.childElementCount));

  // A key is found however it is typed: K7-QF, k7 qf, k7qf.
  const plain = text => text.toLowerCase().replace(/[\s-]+/g, "");

  // What moves together when the order changes: a patient, or a photograph where no patient is known.
  let units = all("#findings .unit").map((node, index) => {
    const who = node.querySelector(".who .name")?.textContent ?? "";
    const said = node.querySelector(".who")?.textContent ?? "";
    const photos = [...node.querySelectorAll(".card")].map(row => ({
      row,
      patient: who,
      status: row.dataset.status,
      opener: row.querySelector(".photo button"),
      image: row.querySelector("img"),
      picture: row.querySelector(".pictures a")?.getAttribute("href"),
      words: plain(`${row.querySelector(".headline").textContent} ${row.querySelector(".meta").textContent} ${said}`),
    }));
    return { node, index, photos, name: who || photos[0].opener.textContent };
  });
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

  const filter = () => {
    const wanted = new Set(chosen());
    const words = plain(search.value);
    shown = photos.filter(photo => (!wanted.size || wanted.has(photo.status)) && photo.words.includes(words));
    const kept = new Set(shown);
    for (const unit of units) {
      for (const photo of unit.photos) photo.row.hidden = !kept.has(photo);
      unit.node.hidden = unit.photos.every(photo => photo.row.hidden);
    }
    for (const block of blocks) {
      const left = [...block.children].filter(unit => !unit.hidden).length;
      block.hidden = !left;
      block.style.setProperty("--shown", left);
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
    if (key !== "quality" && !["abnormal", "normal"].includes(photo.status)) return null;
    const text = key === "quality" ? photo.row.dataset.quality : photo.row.dataset.probabilities.split(" ")[key];
    return text ? Number(text) : null;
  };
  // By quality the lowest comes first, by probability the highest; what has no number comes last.
  const sort = () => {
    const key = order.value;
    const sign = key === "quality" ? 1 : -1;
    const best = unit => {
      const known = unit.photos.map(photo => number(photo, key)).filter(value => value !== null);
      return known.length ? Math.min(...known.map(value => sign * value)) : Infinity;
    };
    if (key === "") units.sort((a, b) => a.index - b.index);
    else if (key === "name") units.sort((a, b) => collator.compare(a.name, b.name) || a.index - b.index);
    else {
      const values = new Map(units.map(unit => [unit, best(unit)]));
      units.sort((a, b) => (values.get(a) === values.get(b) ? 0 : values.get(a) - values.get(b)) || a.index - b.index);
    }
    findings.dataset.output = /^\d+$/.test(key) ? key : "";
    photos = units.flatMap(unit => unit.photos);
    lay();
    filter();
  };
  // Blocks are filled while they are out of the document: moved one by one inside it, thousands of rows take minutes.
  const lay = () => {
    for (const block of blocks) block.remove();
    blocks.forEach((block, place) => block.replaceChildren(
      ...units.slice(place * unitsPerBlock, (place + 1) * unitsPerBlock).map(unit => unit.node)));
    findings.append(...blocks);
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
    one("#viewed").textContent = photo ? photo.row.querySelector(".headline").textContent : "No photograph";
    if (photo) paint(photo);
    if (!viewer.open) viewer.showModal();
    if (shown.length) large(shown[Math.min(shown.indexOf(photo) + 1, shown.length - 1)]);
  };
  const paint = photo => {
    const scale = photo.row.querySelector(".scale");
    const eye = photo.row.querySelector(".side")?.textContent;
    one("#whose").textContent = [photo.opener.textContent, photo.patient && `patient ${photo.patient}`, eye].filter(Boolean).join(", ");
    one(".verdict").className = `verdict ${photo.status}`;
    one(".verdict .action").textContent = photo.row.querySelector(".action").textContent;
    for (const part of all("#viewer [data-copy-of]")) part.replaceChildren(...[photo.row.querySelector(part.dataset.copyOf)?.cloneNode(true)].filter(Boolean));
    all("#viewer .chances li").forEach((line, place) => {
      if (line.matches(".silent")) line.append(Object.assign(document.createElement("small"), { textContent: reasons[place] }));
    });
    one(".stage").hidden = !photo.image;
    one(".stage").classList.toggle("alone", !scale);
    one(".stage").classList.toggle("half", photo.row.querySelector(".half") !== null);
    for (const part of all("#viewer .explained")) part.hidden = !scale;
    one("#scale").textContent = scale ? `${scale.textContent}; ${scale.title}` : "";
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
  order.addEventListener("change", sort);
  const photoOf = new Map(photos.map(photo => [photo.row, photo]));
  findings.addEventListener("click", event => {
    if (!event.target.closest(".photo button, .pictures a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(photoOf.get(event.target.closest(".card")));
  });
  findings.addEventListener("focusin", event => {
    const photo = photoOf.get(event.target.closest(".card"));
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
    if (at === search || at === order) return null;
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
    } else if (/^[1-9]$/.test(event.key) && event.target !== search && event.target !== order && !keys.open && statuses[event.key - 1]) {
      press(statuses[event.key - 1]);
    }
  });
  look(0);
  filter();
})();
