"use strict";

const byId = (id) => document.getElementById(id);

async function refresh() {
  try {
    const response = await fetch("/stats.txt");
    byId("text").textContent = await response.text();
    byId("drawing").src = `/stats.svg?at=${Date.now()}`;
    byId("state").textContent = "live";
  } catch (error) {
    byId("state").textContent = `no answer: ${error.message}`;
  }
  setTimeout(refresh, 1000);
}

refresh();
