// Balls and sticks on a plain 2D canvas: no WebGL, so it draws in every browser, on paper and without a GPU.
function showMolecule(canvas, scene) {
  const start = tilted([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 0.35, -0.3);
  const eye = 5 * Math.max(1, ...scene.positions.map(p => Math.hypot(...p)));
  let turn = start;

  function tilted(matrix, x, y) {  // turn about the screen's axes
    const [a, b, c, d] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y)];
    const step = [[c, 0, d], [b * d, a, -b * c], [-a * d, b, a * c]];
    return step.map(row => [0, 1, 2].map(k => row[0] * matrix[0][k] + row[1] * matrix[1][k] + row[2] * matrix[2][k]));
  }

  function projected(matrix) {  // what is near looks larger; angstrom on the screen
    return scene.positions.map((p, i) => {
      const [x, y, z] = matrix.map(row => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]), near = eye / (eye - z);
      return {x: near * x, y: -near * y, z, near, r: near * (0.13 + 0.32 * scene.radii[i]), colour: scene.colours[i]};
    });
  }

  function fitting(atoms, width, height) {  // pixels an angstrom
    const reach = axis => Math.max(0.9, ...atoms.map(atom => Math.abs(atom[axis]) + atom.r));
    return 0.46 * Math.min(width / reach("x"), height / reach("y"));
  }

  function draw() {
    const context = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const atoms = projected(turn);
    const scale = Math.min(fitting(projected(start), width, height), fitting(atoms, width, height));
    context.setTransform(ratio * scale, 0, 0, ratio * scale, canvas.width / 2, canvas.height / 2);
    const shapes = atoms.map(atom => ({z: atom.z, paint: () => ball(context, atom)}));
    for (const [i, j] of scene.bonds)
      for (const [a, b] of [[atoms[i], atoms[j]], [atoms[j], atoms[i]]])  // each half in its own atom's colour
        shapes.push({z: 0.75 * a.z + 0.25 * b.z - 0.01, paint: () => stick(context, a, b)});
    shapes.sort((one, other) => one.z - other.z).forEach(shape => shape.paint());
  }

  function mixed(colour, other, share) {
    const parts = hex => [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16));
    const [from, to] = [parts(colour), parts(other)];
    return `rgb(${from.map((value, k) => Math.round(value + share * (to[k] - value))).join(",")})`;
  }

  function ball(context, {x, y, r, colour}) {
    const light = context.createRadialGradient(x - 0.35 * r, y - 0.4 * r, 0.05 * r, x, y, r);
    light.addColorStop(0, mixed(colour, "#ffffff", 0.75));
    light.addColorStop(0.45, colour);
    light.addColorStop(1, mixed(colour, "#000000", 0.42));
    context.fillStyle = light;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fill();
  }

  function stick(context, a, b) {
    const layers = [[0.21, mixed(a.colour, "#000000", 0.4)], [0.15, a.colour], [0.05, mixed(a.colour, "#ffffff", 0.5)]];
    for (const [width, colour] of layers) {
      context.strokeStyle = colour;
      context.lineWidth = width * a.near;
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.lineTo((a.x + b.x) / 2, (a.y + b.y) / 2);
      context.stroke();
    }
  }

  function rotate(x, y) {
    turn = tilted(turn, x, y);
    draw();
  }

  let held = null;
  canvas.addEventListener("pointerdown", event => {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (!held) return;
    rotate((event.clientY - held[1]) / 90, (event.clientX - held[0]) / 90);
    held = [event.clientX, event.clientY];
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
  canvas.addEventListener("keydown", event => {
    const step = {ArrowLeft: [0, -0.2], ArrowRight: [0, 0.2], ArrowUp: [-0.2, 0], ArrowDown: [0.2, 0]}[event.key];
    if (!step) return;
    event.preventDefault();
    rotate(...step);
  });
  canvas.addEventListener("dblclick", () => { turn = start; draw(); });
  new ResizeObserver(draw).observe(canvas);
  draw();
}
