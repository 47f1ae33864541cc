// Asks one public address of each service and shows what came back, in words as well as in colour.
"use strict";

const rows = [...document.querySelectorAll("tr[data-path]")];
const summary = document.getElementById("summary");
const again = document.getElementById("again");

async function probe(row) {
  const state = row.querySelector(".state");
  const latency = row.querySelector(".latency");
  const began = performance.now();
  let up = false;
  let words = "down: no answer";
  try {
    const answer = await fetch(row.dataset.path, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    // A refusal is an answer: the service lives. Only the gateway and a failing service say 5xx, and 404 means no such route.
    up = answer.status < 500 && answer.status !== 404;
    words = up ? "up" : `down: status ${answer.status}`;
    latency.textContent = `${Math.round(performance.now() - began)} ms`;
  } catch {
    latency.textContent = "–";
  }
  state.textContent = words;
  state.dataset.up = String(up);
  return up;
}

async function probeAll() {
  again.disabled = true;
  const up = (await Promise.all(rows.map(probe))).filter(Boolean).length;
  summary.textContent =
    up === rows.length ? "All services answer." : `${up} of ${rows.length} services answer.`;
  again.disabled = false;
}

again.addEventListener("click", probeAll);
probeAll();
