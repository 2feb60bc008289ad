"use strict";
// Draws the figures in the colours of the page when they come into view, and keeps them so when the page turns dark or
// light.
(() => {
  const { plots: figures, sheets } = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");

  // Least difference of two colours, in OKLab and hundredths, over usual, protan, deutan and tritan eyes (Machado et
  // al. 2009): 7.6 and 10.9 for methods, 12.7 and 13.8 for classes, on the light and on the dark page.
  const palettes = {
    // Okabe and Ito's, with wine red in the place of yellow, which white paper swallows, and violet; lighter on the dark page.
    method: {
      light: ["#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#22282e", "#56b4e9", "#7a1f5c", "#4800d8"],
      dark: ["#3bbeff", "#1eaa6e", "#ff5f0b", "#ee88ba", "#ffd209", "#e0f1ea", "#296cbd", "#a74b75", "#9878f8"],
    },
    // Ten at once: Petroff's of 2021, moved a little further apart.
    class: {
      light: ["#3885e3", "#f4ae0b", "#891522", "#9f8590", "#5a0095", "#c1330d", "#dd7628", "#adb9a1", "#405d78", "#2cc7ff"],
      dark: ["#7389f5", "#f1e553", "#b03406", "#9dbcfa", "#474edf", "#7e527c", "#e45f0d", "#f3a277", "#a8819a", "#36fedd"],
    },
  };
  // From hard (or the first) to easy (or the last): light and dark differ in grey, too.
  const scales = {
    light: ["#7a1b00", "#d55e00", "#d9a441", "#58a3c9", "#0b4f7d"],
    dark: ["#ff9a5c", "#e0701a", "#c9a24a", "#5fa8d3", "#9fd3f5"],
  };

  // From small to large numbers: on all of it the ink of the page can be read (contrast 5 and more).
  const heat = { light: ["#f1f6fa", "#4fa3dd"], dark: ["#16232e", "#25639a"] };

  const stored = (() => { try { return localStorage.getItem("losslab-theme"); } catch { return null; } })();
  let chosen = stored === "dark" || stored === "light" ? stored : null;
  let printing = false;
  // Paper is white.
  const theme = () => printing ? "light" : chosen ?? (system.matches ? "dark" : "light");
  const styled = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const mix = (a, b, share) => {
    const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
    const mixed = [1, 3, 5].map((at) => Math.round(part(a, at) + (part(b, at) - part(a, at)) * share));
    return `rgb(${mixed.join(",")})`;
  };
  const shade = (name) => {
    if (name === "ink") return styled("--ink");
    const [kind, place] = name.split(":");
    if (kind in palettes) {
      const palette = palettes[kind][theme()];
      return palette[place % palette.length];
    }
    const scale = scales[theme()];
    const at = Number(place) * (scale.length - 1);
    const low = Math.min(Math.floor(at), scale.length - 2);
    return mix(scale[low], scale[low + 1], at - low);
  };
  // A colour that lets through what lies behind it.
  const faint = (colour) => (colour.startsWith("#") ? mix(colour, colour, 0) : colour).replace("rgb(", "rgba(").replace(")", ",0.1)");
  // Colours stand under this key and under no other.
  const coloured = (value) => {
    if (Array.isArray(value)) return typeof value[0] === "object" ? value.map(coloured) : value;
    if (value === null || typeof value !== "object") return value;
    const pairs = Object.entries(value).map(([key, inner]) =>
      [key, key === "color" ? shade(inner) : coloured(inner)]);
    return Object.fromEntries(pairs);
  };

  // Numbers in the cells of a heat map as large as there is room for; too small to read, they are left to hovering.
  const fitText = (plot, trace, ink) => {
    const longest = Math.max(...trace.text.flat().map((text) => text.length));
    const labels = Math.max(...trace.y.map((name) => name.length));
    const cell = (plot.clientWidth - 110 - 6 * labels) / trace.x.length;
    const size = Math.min(13, (cell - 6) / (0.6 * longest), 300 / trace.y.length / 1.2);
    if (size < 7) delete trace.texttemplate;
    else trace.textfont = { size, color: ink };
  };

  const draw = (plot, figure) => {
    const { data, layout } = coloured(figure);
    const [line, soft, card, ink] = ["--line", "--soft", "--card", "--ink"].map(styled);
    const axis = (own) => ({
      gridcolor: line, linecolor: line, zeroline: false, automargin: true, ...own,
      title: { ...own?.title, standoff: 10 },
    });
    for (const trace of data) {
      // A thin rim of the page's colour keeps bars and marks apart.
      if (trace.type === "bar") trace.marker.line = { color: card, width: layout.barmode === "overlay" ? 0 : 1 };
      if (trace.mode === "markers") trace.marker.line = { color: card, width: trace.marker.size > 8 ? 1.5 : 0.5 };
      if (trace.type === "surface" || trace.type === "contour") {
        // Blue lies deep, red high.
        trace.colorscale = scales[theme()].map((shade, place, all) => [1 - place / (all.length - 1), shade]).reverse();
        trace.colorbar.tickfont = { color: soft };
      }
      if (trace.fill) trace.fillcolor = faint(trace.line.color);
      if (trace.type === "heatmap") {
        trace.colorbar.tickfont = { color: soft };
        trace.colorscale = heat[theme()].map((shade, place) => [place, shade]);
        fitText(plot, trace, ink);
      }
    }
    const legend = { orientation: "h", x: 0, xanchor: "left", y: 0, yref: "container", yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" };
    const page = {
      ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis), legend, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 12 : 13, color: ink },
      margin: { l: 56, r: 12, t: 28, b: 48, ...layout.margin },
      width: plot.clientWidth, height: plot.clientHeight,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: styled("--accent") },
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
    };
    if (layout.scene) {
      const side = (own) => ({ ...own, color: soft, gridcolor: line, zeroline: false, backgroundcolor: "rgba(0,0,0,0)" });
      const [xaxis, yaxis, zaxis] = [layout.scene.xaxis, layout.scene.yaxis, layout.scene.zaxis].map(side);
      // Drawn again, it is seen from where it was.
      const camera = plot.layout?.scene?.camera ?? layout.scene.camera;
      page.scene = { ...layout.scene, xaxis, yaxis, zaxis, camera };
    }
    const bar = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"];
    return Plotly.react(plot, data, page, { displaylogo: false, modeBarButtonsToRemove: bar });
  };

  // A picture of a sheet, on a canvas, as soon as the sheet is decoded.
  const images = sheets.map((sheet) => {
    const image = new Image();
    image.src = sheet.uri;
    return image;
  });
  const drawPicture = async (canvas, place, index) => {
    const { width, height, columns } = sheets[place];
    [canvas.width, canvas.height] = [width, height];
    canvas.dataset.shown = index;
    await images[place].decode();
    if (canvas.dataset.shown !== String(index)) return;
    const [left, top] = [index % columns * width, Math.floor(index / columns) * height];
    canvas.getContext("2d").drawImage(images[place], left, top, width, height, 0, 0, width, height);
  };
  for (const canvas of document.querySelectorAll("canvas.picture")) {
    drawPicture(canvas, Number(canvas.dataset.sheet), Number(canvas.dataset.index));
  }

  // What a point of a cloud stands for.
  const note = document.body.appendChild(document.createElement("div"));
  note.className = "note";
  note.hidden = true;
  const picture = note.appendChild(document.createElement("canvas"));
  const words = note.appendChild(document.createElement("div"));
  const showPoint = (figure, { points: [point] }) => {
    const { name, text, pictures } = figure.data[point.curveNumber];
    const index = pictures?.[point.pointNumber];
    picture.hidden = index === undefined || figure.sheet === undefined;
    if (!picture.hidden) drawPicture(picture, figure.sheet, index);
    words.textContent = [name, text?.[point.pointNumber]].filter(Boolean).join("\n");
    note.hidden = false;
    // The box is where the point is in the document; the note is where it is in the window.
    const { x0, x1, y0, y1 } = point.bbox;
    const across = (x0 + x1) / 2 - scrollX - note.offsetWidth / 2;
    const above = y0 - scrollY - note.offsetHeight - 8;
    note.style.left = `${Math.max(4, Math.min(across, root.clientWidth - note.offsetWidth - 4))}px`;
    note.style.top = `${above > 4 ? above : y1 - scrollY + 8}px`;
  };
  const hideNote = () => { note.hidden = true; };
  addEventListener("scroll", hideNote, { passive: true });

  // A surface turns slowly, once a minute, while it is in view: unless the system asks for less motion, or somebody takes
  // hold of it. A button stops it and lets it go on.
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const turn = (plot) => {
    const button = plot.parentElement.querySelector(".turn");
    let [turns, inView, waiting] = [!still.matches, false, false];
    const step = () => {
      waiting = false;
      if (!turns || !inView || printing) return;
      const { x, y, z } = plot.layout.scene.camera.eye;
      const [angle, distance] = [Math.atan2(y, x) + Math.PI / 600, Math.hypot(x, y)];
      const eye = { x: distance * Math.cos(angle), y: distance * Math.sin(angle), z };
      Plotly.relayout(plot, { "scene.camera.eye": eye }).then(later);
    };
    const later = () => {
      if (!waiting) setTimeout(step, 50);
      waiting = true;
    };
    const set = (on) => {
      turns = on;
      button.textContent = on ? "Stop turning" : "Turn";
      if (on) later();
    };
    button.hidden = false;
    set(turns);
    button.addEventListener("click", () => set(!turns));
    for (const event of ["pointerdown", "wheel"]) plot.addEventListener(event, () => set(false), { passive: true, capture: true });
    still.addEventListener("change", () => set(!still.matches));
    new IntersectionObserver(([entry]) => {
      inView = entry.isIntersecting;
      if (inView) later();
    }).observe(plot);
  };

  const drawn = new Set();
  const drawAt = (index) => {
    const [plot, figure] = [plots[index], figures[index]];
    draw(plot, figure);
    if (drawn.has(index)) return;
    drawn.add(index);
    if (figure.turns) turn(plot);
    if (!plot.classList.contains("square")) return;
    plot.on("plotly_hover", (event) => showPoint(figure, event));
    plot.on("plotly_unhover", hideNote);
  };
  const redraw = () => {
    root.dataset.theme = theme();
    drawn.forEach(drawAt);
  };
  root.dataset.theme = theme();

  // A screen ahead, so that scrolling finds figures ready.
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const index = plots.indexOf(target);
      if (isIntersecting && !drawn.has(index)) drawAt(index);
    }
  }, { rootMargin: "100% 0px" });
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const index = plots.indexOf(target);
      if (drawn.has(index) && target.clientWidth !== target.layout.width) drawAt(index);
    }
  });
  plots.forEach((plot) => { seen.observe(plot); resized.observe(plot); });
  system.addEventListener("change", redraw);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = theme() === "dark" ? "light" : "dark";
    try { localStorage.setItem("losslab-theme", chosen); } catch { /* a page without storage forgets */ }
    redraw();
  });
  const print = (starts) => {
    printing = starts;
    root.classList.toggle("printing", starts);
    if (starts) plots.forEach((_, index) => drawn.has(index) || drawAt(index));
    redraw();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));

  // The list of contents closes after a choice.
  const contents = document.querySelector(".contents");
  document.addEventListener("click", ({ target }) => {
    if (contents?.open && (!contents.contains(target) || target.closest("a"))) contents.open = false;
  });
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.previousElementSibling.textContent);
        button.textContent = "Copied";
      } catch { button.textContent = "Copying is not allowed here"; }
    });
  }
  for (const time of document.querySelectorAll("time[data-seconds]")) {
    time.textContent = new Date(1000 * Number(time.dataset.seconds)).toLocaleString();
  }
})();
