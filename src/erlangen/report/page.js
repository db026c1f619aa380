// Draws every figure and molecule of the page; light on paper, as the reader has it on the screen.
const read = node => JSON.parse(node.textContent);
const figures = [...document.querySelectorAll(".plot")].map(node => ({node, ...read(node.querySelector("script"))}));
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function drawFigures(theme) {
  for (const {node, data, layout} of figures)
    Plotly.react(node, data, {...layout, template: THEMES[theme], autosize: true},
      {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"]});
}

const drawAsSeen = () => drawFigures(dark.matches ? "dark" : "light");
drawAsSeen();
dark.addEventListener("change", drawAsSeen);
window.addEventListener("beforeprint", () => drawFigures("light"));
window.addEventListener("afterprint", drawAsSeen);

for (const node of document.querySelectorAll(".molecule"))
  showMolecule(node.querySelector("canvas"), read(node.querySelector("script")));
