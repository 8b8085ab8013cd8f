// Lays out what the worker says (streams/export/live/shown.py), as markup.py does on the server, and
// lets ages grow between two pages. Nothing here knows what a clause is.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const SILENCE_MS = 25000;
  const RUN_ON_MS = 3000;
  const RETRY_MS = 5000;
  const at = (id) => document.getElementById(id);

  let page = null;      // the last page
  let said = 0;         // the worker's wall clock when it was said (ms since 1970)
  let heard = 0;        // performance.now() when it came
  let word = 0;         // performance.now() when anything last came
  let moving = false;   // does the event clock run with the wall clock?
  let lost = false;
  let known = null;     // ids of the breaches told so far

  function age(ms) {
    const s = Math.floor(Math.max(0, ms) / 1000);
    const two = (n) => String(n).padStart(2, "0");
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} m`;
    return `${Math.floor(s / 86400)} d ${two(Math.floor((s % 86400) / 3600))} h`;
  }

  function make(name, attributes, text) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function path(name, d) {
    const made = document.createElementNS(SVG, "path");
    made.setAttribute("class", name);
    made.setAttribute("d", d);
    return made;
  }

  function drawing(cell) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 120 24");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", cell.t);
    if (cell.y !== undefined) svg.append(path("limit", `M0 ${cell.y}H120`));
    if (cell.v !== undefined) svg.append(path("limit", `M${cell.v} 0V24`));
    svg.append(path("line", cell.d));
    return svg;
  }

  function fill(element, cell) {
    // The text of an age moves by itself, so it alone is no change.
    const now = JSON.stringify(cell.a === undefined ? cell : { ...cell, t: "" });
    if (element.told === now) return;
    element.told = now;
    const parts = [];
    if (cell.d) parts.push(drawing(cell));
    else if (cell.a !== undefined) parts.push(make("span", { class: "age", "data-since": cell.a }, age(clock() - cell.a)));
    else if (cell.s) parts.push(make("span", { class: `state ${cell.s}` }, cell.t));
    else if (cell.t) parts.push(document.createTextNode(cell.t));
    if (cell.n) parts.push(document.createTextNode(" "), make("small", {}, cell.n));
    element.replaceChildren(...parts);
  }

  function row(columns, data, fresh) {
    const made = make("tr", { role: "row", "data-key": data.key });
    if (fresh) made.className = "new";
    for (const column of columns) {
      made.append(
        column.kind === "head"
          ? make("th", { role: "rowheader", scope: "row" })
          : make("td", { role: "cell", class: column.kind, "data-label": column.heading }));
    }
    return made;
  }

  function lay(name, table, isFirst) {
    const section = at(`t-${name}`);
    const body = section.querySelector("tbody");
    const columns = [...section.querySelectorAll("thead th")].map(
      (th) => ({ heading: th.textContent, kind: th.dataset.kind }));
    const old = new Map([...body.rows].map((tr) => [tr.dataset.key, tr]));
    let before = body.firstElementChild;
    for (const data of table.rows) {
      let tr = old.get(data.key);
      old.delete(data.key);
      if (!tr) tr = row(columns, data, name === "breaches" && !isFirst);
      if (data.state) tr.dataset.state = data.state;
      else delete tr.dataset.state;
      data.cells.forEach((cell, i) => fill(tr.cells[i], cell));
      if (tr === before) before = before.nextElementSibling;
      else body.insertBefore(tr, before);
    }
    for (const tr of old.values()) tr.remove();
    section.classList.toggle("empty", table.rows.length === 0);
    const note = section.querySelector(".note");
    const words = table.note && (table.rows.length === 0 || / more /.test(table.note)) ? table.note : "";
    if (note.textContent !== words) note.textContent = words;
  }

  function announce(breaches) {
    const fresh = known === null ? [] : Object.keys(breaches).filter((id) => !known.has(id));
    known = new Set(Object.keys(breaches));
    if (fresh.length === 1) at("announce").textContent = `New ${breaches[fresh[0]]}`;
    else if (fresh.length > 1) {
      at("announce").textContent = `${fresh.length} new breaches, the last: ${breaches[fresh[fresh.length - 1]]}`;
    }
  }

  function since(moment) { return performance.now() - moment; }

  // Between two pages the event clock runs on only where it ran with the wall clock, and not for long.
  function clock() {
    return page.clock + (moving ? Math.min(since(heard), RUN_ON_MS) : 0);
  }

  function tick() {
    const silent = since(word) > SILENCE_MS;
    const gone = lost || silent;
    const link = at("link");
    const state = gone ? "connection lost, trying again" : page ? "live" : "connecting";
    if (link.textContent !== state) link.textContent = state;
    link.className = `link ${gone ? "lost" : page ? "live" : ""}`;
    document.body.classList.toggle("stale", gone);
    if (!page || page.clock === null) return;
    const now = clock();
    at("clock").textContent = new Date(now).toISOString().slice(0, 19).replace("T", " ");
    const behind = said + since(heard) - now;
    at("lag").textContent = behind < 0 ? `${age(-behind)} ahead of the wall clock` : `${age(behind)} behind the wall clock`;
    for (const element of document.querySelectorAll("[data-since]")) {
      const text = age(now - Number(element.dataset.since));
      if (element.textContent !== text) element.textContent = text;
    }
  }

  function show(message) {
    const first = page === null;
    page = message.page;
    said = message.now;
    moving = message.moving;
    heard = performance.now();
    for (const [id, cell] of Object.entries(page.fields)) fill(at(id), cell);
    for (const [name, table] of Object.entries(page.tables)) lay(name, table, first);
    announce(page.breaches);
    const open = Object.keys(page.breaches).length;
    document.title = `Baton: ${open === 0 ? "no breach" : open === 1 ? "1 breach" : `${open} breaches`}`;
  }

  function listen() {
    const source = new EventSource("live/events");
    const heardOf = () => { word = performance.now(); lost = false; };
    source.addEventListener("page", (event) => { heardOf(); show(JSON.parse(event.data)); tick(); });
    source.addEventListener("beat", () => { heardOf(); tick(); });
    source.addEventListener("error", () => {
      lost = true;
      tick();
      // A refused connection is not tried again by the browser itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
    });
  }

  word = performance.now();
  listen();
  tick();
  setInterval(tick, 1000);
})();
