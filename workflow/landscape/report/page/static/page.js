"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const source = document.getElementById("plots").textContent;
  const onDark = JSON.parse(document.getElementById("on-dark").textContent);
  const read = () =>
    JSON.parse(dark.matches ? source.replace(/#[0-9A-Fa-f]{6}/g, (tint) => onDark[tint]) : source);
  let plots = read();

  function element(tag, parent, properties = {}) {
    const made = Object.assign(document.createElement(tag), properties);
    parent.append(made);
    return made;
  }

  // A layout in the page's colours.
  function themed(layout) {
    const css = getComputedStyle(document.documentElement);
    const [text, line] = ["--text", "--line"].map((name) => css.getPropertyValue(name).trim());
    const page = css.getPropertyValue("--page").trim();
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
    const scene = layout.scene && Object.fromEntries(
      Object.entries(layout.scene).map(([key, value]) =>
        [key, key.endsWith("axis") ? { ...axis, ...value } : value]));
    return {
      ...layout,
      ...(scene ? { scene } : {
        xaxis: { ...axis, ...layout.xaxis },
        yaxis: { ...axis, ...layout.yaxis },
      }),
      title: { font: { size: 14 }, ...layout.title, x: 0.02, xanchor: "left" },
      font: { color: text, family: "system-ui, sans-serif", size: 12 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: page, bordercolor: line, font: { color: text }, namelength: -1 },
      legend: { orientation: "h", x: 0, yref: "container", y: 0, yanchor: "bottom" },
      margin: { l: scene ? 0 : 10, r: scene ? 0 : 10, t: layout.title?.text ? 34 : 10, b: scene ? 0 : 10 },
      dragmode: scene ? "turntable" : touch ? false : "zoom", // a finger scrolls the page
    };
  }

  const config = { responsive: true, displayModeBar: false };

  function draw(plot, state) {
    const { panels } = plot.choices[state.choice];
    const places = state.place.children;
    if (places.length !== panels.length) { // all places first: they share the width
      [...places].forEach((place) => Plotly.purge(place));
      state.place.replaceChildren();
      panels.forEach(() => element("div", state.place, { className: "panel" }));
    }
    panels.forEach((panel, index) => {
      const traces = panel.traces.concat(panel.moving[state.position] || []);
      Plotly.react(places[index], traces, themed(panel.layout), config);
    });
    state.notes.textContent = panels.flatMap((panel) => panel.notes).join("; ");
  }

  function start(plot, index) {
    const section = document.getElementById(plot.name);
    const controls = element("div", section, { className: "controls" });
    const state = {
      choice: 0,
      position: plot.slider ? plot.slider.start : 0,
      place: element("div", section, { className: "panels" }),
      notes: element("p", section, { className: "hint" }),
    };
    section.append(section.querySelector(".links"));
    const update = () => draw(plots[index], state);
    if (plot.choices.length > 1) {
      const label = element("label", controls, { textContent: plot.asked });
      const select = element("select", label);
      plot.choices.forEach(({ name }) => element("option", select, { textContent: name }));
      select.addEventListener("input", () => { state.choice = select.selectedIndex; update(); });
    }
    if (plot.slider && plot.slider.positions.length > 1) {
      const { name, positions } = plot.slider;
      const label = element("label", controls, { textContent: name });
      const range = element("input", label, {
        type: "range", min: 0, max: positions.length - 1, value: state.position,
      });
      const output = element("output", label, { textContent: positions[state.position] });
      range.addEventListener("input", () => {
        state.position = Number(range.value);
        output.textContent = positions[state.position];
        range.setAttribute("aria-valuetext", output.textContent);
        update();
      });
    }
    update();
    return update;
  }

  async function load() {
    const packed = atob(document.getElementById("plotly").textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    element("script", document.head, { textContent: await new Response(unpacked).text() });
    const updates = plots.map(start);
    dark.addEventListener("change", () => {
      plots = read();
      updates.forEach((update) => update());
    });
  }
  load();

  // Sorts numbers by size, then texts alphabetically, empty cells last, within each group of rows.
  function compare(one, other, sign) {
    const [a, b] = [one, other].map((cell) => ({
      text: cell.textContent,
      value: "value" in cell.dataset ? Number(cell.dataset.value) : null,
    }));
    if (!a.text || !b.text) return Number(!a.text) - Number(!b.text);
    if (a.value !== null && b.value !== null) return sign * (a.value - b.value);
    if (a.value !== null || b.value !== null) return a.value === null ? 1 : -1;
    return sign * a.text.localeCompare(b.text);
  }

  function sort(table, heading) {
    const direction = heading.ariaSort === "ascending" ? "descending" : "ascending";
    heading.parentElement.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.ariaSort = direction;
    const sign = direction === "ascending" ? 1 : -1;
    for (const group of table.tBodies) {
      [...group.rows]
        .filter((row) => row.cells.length > heading.cellIndex)
        .sort((a, b) => compare(a.cells[heading.cellIndex], b.cells[heading.cellIndex], sign))
        .forEach((row) => group.append(row));
    }
  }

  for (const table of document.querySelectorAll("table")) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = element("button", heading, { type: "button", title: "sort" });
      button.append(...[...heading.childNodes].filter((node) => node !== button));
      button.addEventListener("click", () => sort(table, heading));
    }
  }

  // A link to a table opens it.
  function open() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
  addEventListener("hashchange", open);
  open();
})();
