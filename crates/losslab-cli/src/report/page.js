"use strict";
// Draws the figures in the colours of the page, and keeps them so when the page turns dark or light.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");

  // Okabe and Ito's palette, which stays distinct for all kinds of colour vision; the dark page has lighter shades.
  const palettes = {
    light: ["#0072b2", "#009e73", "#d55e00", "#b25a93", "#a97400", "#5a646e"],
    dark: ["#56b4e9", "#2cc79a", "#ff8a3d", "#e39cc8", "#e8b53a", "#a3adb5"],
  };
  // From hard (or the first) to easy (or the last): light and dark differ in grey, too.
  const scales = {
    light: ["#7a1b00", "#d55e00", "#d9a441", "#58a3c9", "#0b4f7d"],
    dark: ["#ff9a5c", "#e0701a", "#c9a24a", "#5fa8d3", "#9fd3f5"],
  };

  const stored = (() => { try { return localStorage.getItem("losslab-theme"); } catch { return null; } })();
  let chosen = stored === "dark" || stored === "light" ? stored : null;
  const theme = () => chosen ?? (system.matches ? "dark" : "light");

  const mix = (a, b, share) => {
    const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
    const mixed = [1, 3, 5].map((at) => Math.round(part(a, at) + (part(b, at) - part(a, at)) * share));
    return `rgb(${mixed.join(",")})`;
  };
  const shade = (name) => {
    const [kind, place] = name.split(":");
    if (kind === "method") return palettes[theme()][place % palettes[theme()].length];
    const scale = scales[theme()];
    const at = Number(place) * (scale.length - 1);
    const low = Math.min(Math.floor(at), scale.length - 2);
    return mix(scale[low], scale[low + 1], at - low);
  };
  const coloured = (value) => {
    if (typeof value === "string") return /^(method|scale):/.test(value) ? shade(value) : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
  };

  const draw = (plot, figure) => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const { data, layout } = coloured(figure);
    const axis = (own) => ({
      gridcolor: colour("--line"), linecolor: colour("--line"), zeroline: false, automargin: true, ...own,
      title: { ...own?.title, standoff: 10 },
    });
    for (const trace of data) {
      // A thin rim of the page's colour keeps bars and marks apart.
      if (trace.type === "bar") trace.marker.line = { color: colour("--card"), width: 1 };
      if (trace.mode === "markers") trace.marker.line = { color: colour("--card"), width: 1.5 };
      if (trace.type === "heatmap") trace.colorbar.tickfont = { color: colour("--soft") };
    }
    const legend = { orientation: "h", x: 0, xanchor: "left", y: 0, yref: "container", yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" };
    const page = {
      ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis), legend, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 12 : 13, color: colour("--ink") },
      margin: { l: 56, r: 12, t: 28, b: 48 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--accent") },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
    };
    const bar = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"];
    return Plotly.react(plot, data, page, { displaylogo: false, modeBarButtonsToRemove: bar });
  };
  const drawAll = () => {
    document.documentElement.dataset.theme = theme();
    plots.forEach((plot, index) => draw(plot, figures[index]));
  };

  drawAll();
  const resized = new ResizeObserver((entries) => entries.forEach((entry) => Plotly.Plots.resize(entry.target)));
  plots.forEach((plot) => resized.observe(plot));
  system.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = theme() === "dark" ? "light" : "dark";
    try { localStorage.setItem("losslab-theme", chosen); } catch { /* a page without storage forgets */ }
    drawAll();
  });
  // Paper is white.
  addEventListener("beforeprint", () => { const kept = chosen; chosen = "light"; drawAll(); chosen = kept; });
  addEventListener("afterprint", drawAll);

  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById("command").textContent);
      copy.textContent = "Copied";
    } catch { copy.textContent = "Copying is not allowed here"; }
  });
  for (const time of document.querySelectorAll("time[data-seconds]")) {
    time.textContent = new Date(1000 * Number(time.dataset.seconds)).toLocaleString();
  }
})();
