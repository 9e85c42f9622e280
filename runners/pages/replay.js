// The page of `costate replay --html`: shows the rollouts of #costate-rollout (docs/replay.md has
// the layout) in step with each other. THREE and THREE.OrbitControls stand before it.
'use strict';
(function () {
  const data = JSON.parse(document.getElementById('costate-rollout').textContent);
  // Okabe and Ito's colours, which people with any colour vision tell apart.
  const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
  const rollouts = data.rollouts;
  const steps = Math.max(...rollouts.map((r) => r.rewards.length));
  let step = 0;  // the cursor: the state before this step
  const followers = [];  // called with the step whenever it changes

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  // ---- three-dimensional view

  function material(shape) {
    return new THREE.MeshLambertMaterial({
      color: shape.color, transparent: shape.opacity < 1, opacity: shape.opacity,
      side: THREE.DoubleSide
    });
  }

  // A cylinder with round ends between two points.
  function rod(from, to, radius, look, segments) {
    const a = new THREE.Vector3(...from);
    const b = new THREE.Vector3(...to);
    const group = new THREE.Group();
    const length = a.distanceTo(b);
    if (length > 0) {
      const middle = new THREE.Mesh(
          new THREE.CylinderBufferGeometry(radius, radius, length, segments, 1, true), look);
      middle.position.copy(a).lerp(b, 0.5);
      middle.quaternion.setFromUnitVectors(
          new THREE.Vector3(0, 1, 0), b.clone().sub(a).divideScalar(length));
      group.add(middle);
    }
    for (const end of [a, b]) {
      const cap = new THREE.Mesh(new THREE.SphereBufferGeometry(radius, segments, segments), look);
      cap.position.copy(end);
      group.add(cap);
    }
    return group;
  }

  function prism(shape, fromAbove, look) {
    const outline = new THREE.Shape(
        shape.points.map((p) => new THREE.Vector2(p[0], fromAbove ? p[1] : p[2])));
    const depth = 2 * shape.size[0];
    const geometry = new THREE.ExtrudeBufferGeometry(outline, {depth, bevelEnabled: false});
    geometry.translate(0, 0, -shape.size[0]);
    if (!fromAbove) geometry.rotateX(Math.PI / 2);
    return new THREE.Mesh(geometry, look);
  }

  function mesh(shape, look) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute(
        'position', new THREE.BufferAttribute(new Float32Array(shape.points.flat()), 3));
    geometry.setIndex(shape.faces.flat());
    geometry.computeVertexNormals();
    return new THREE.Mesh(geometry, look);
  }

  const endless = (shape) => shape.kind === 'plane' && shape.size[0] * shape.size[1] === 0;

  // Of a plane without an end this square, whose tiles are a metre wide, goes where the camera goes.
  const PLANE = 800;
  function checkerboard(planes) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 64;
    const draw = tile.getContext('2d');
    draw.fillStyle = '#cfd6dd';
    draw.fillRect(0, 0, 64, 64);
    draw.fillStyle = '#b4bec8';
    draw.fillRect(0, 0, 32, 32);
    draw.fillRect(32, 32, 32, 32);
    const texture = new THREE.CanvasTexture(tile);
    texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
    texture.repeat.set(PLANE / 2, PLANE / 2);
    texture.anisotropy = 8;
    const board = new THREE.Mesh(new THREE.PlaneBufferGeometry(PLANE, PLANE),
                                 new THREE.MeshBasicMaterial({map: texture, side: THREE.DoubleSide}));
    planes.push(board);
    return board;
  }

  function build(shape, fromAbove, planes) {
    const look = material(shape);
    const [a, b, c] = shape.size;
    switch (shape.kind) {
      case 'plane':
        return endless(shape) ? checkerboard(planes)
                              : new THREE.Mesh(new THREE.PlaneBufferGeometry(2 * a, 2 * b), look);
      case 'sphere': return new THREE.Mesh(new THREE.SphereBufferGeometry(a, 24, 16), look);
      case 'ellipsoid': {
        const ball = new THREE.Mesh(new THREE.SphereBufferGeometry(1, 24, 16), look);
        ball.scale.set(a, b, c);
        return ball;
      }
      case 'capsule': return rod([0, 0, -b], [0, 0, b], a, look, 16);
      case 'cylinder': {
        const geometry = new THREE.CylinderBufferGeometry(a, a, 2 * b, 24);
        geometry.rotateX(Math.PI / 2);
        return new THREE.Mesh(geometry, look);
      }
      case 'box': return new THREE.Mesh(new THREE.BoxBufferGeometry(2 * a, 2 * b, 2 * c), look);
      case 'prism': return prism(shape, fromAbove, look);
      case 'line': {
        const group = new THREE.Group();
        for (let i = 1; i < shape.points.length; ++i) {
          group.add(rod(shape.points[i - 1], shape.points[i], a, look, 8));
        }
        return group;
      }
      default: return mesh(shape, look);
    }
  }

  // What the camera follows: the body with shapes that gets about most.
  function leader(rollout) {
    const poses = rollout.poses;
    const shown = new Set(rollout.scene.shapes.map((s) => s.body));
    let best = -1;
    let most = 1e-9;
    rollout.scene.bodies.forEach((_, body) => {
      if (!shown.has(body)) return;
      let low = [Infinity, Infinity, Infinity];
      let high = [-Infinity, -Infinity, -Infinity];
      for (const frame of poses) {
        for (let i = 0; i < 3; ++i) {
          low[i] = Math.min(low[i], frame[body][i]);
          high[i] = Math.max(high[i], frame[body][i]);
        }
      }
      const way = Math.hypot(...high.map((h, i) => h - low[i]));
      if (way > most * 1.05) [best, most] = [body, way];
    });
    return best;
  }

  // How much there is to see around the leader, in metres.
  function extent(rollout, lead) {
    const frame = rollout.poses[0];
    const centre = lead < 0 ? [0, 0, 0] : frame[lead];
    let most = 0.5;
    for (const shape of rollout.scene.shapes) {
      if (shape.kind === 'plane' || (lead >= 0 && shape.body === 0)) continue;
      const at = frame[shape.body];
      const reach = shape.points.length
          ? Math.max(...shape.points.map((p) => Math.hypot(...p))) : Math.max(...shape.size);
      most = Math.max(most, Math.hypot(at[0] - centre[0], at[1] - centre[1], at[2] - centre[2]) +
                                Math.hypot(...shape.position) + reach);
    }
    return Math.min(most, 40);
  }

  function view3d(canvas, rollout) {
    const renderer = new THREE.WebGLRenderer({canvas, antialias: true, preserveDrawingBuffer: true});
    renderer.setClearColor('#e8edf2');
    const scene = new THREE.Scene();
    scene.add(new THREE.HemisphereLight('#ffffff', '#8a8f96', 0.75));
    const sun = new THREE.DirectionalLight('#ffffff', 0.55);
    sun.position.set(-2, -4, 6);
    scene.add(sun);
    const fromAbove = rollout.scene.from_above;
    const bodies = rollout.scene.bodies.map(() => {
      const body = new THREE.Group();
      scene.add(body);
      return body;
    });
    const planes = [];
    for (const shape of rollout.scene.shapes) {
      const made = build(shape, fromAbove, planes);
      const frame = new THREE.Group();
      const [w, x, y, z] = shape.rotation;
      frame.position.set(...shape.position);
      frame.quaternion.set(x, y, z, w);
      frame.add(made);
      bodies[shape.body].add(frame);
    }
    const lead = leader(rollout);
    const reach = extent(rollout, lead);
    const camera = new THREE.PerspectiveCamera(40, 16 / 9, 0.01 * reach, 1000 * reach);
    camera.up.set(0, 0, 1);
    if (!fromAbove) scene.fog = new THREE.Fog('#e8edf2', 12 * reach, 60 * reach);
    const target = new THREE.Vector3();
    if (lead >= 0) target.set(...rollout.poses[0][lead].slice(0, 3));
    // Of a road more has to be seen than the car, of a flight the ground.
    const heights = lead < 0 ? [0] : rollout.poses.map((frame) => frame[lead][2]);
    const climbs = Math.max(...heights) - Math.min(...heights) > 0.5 * reach;
    const away = (climbs ? 8 : 3.3) * reach;
    if (fromAbove) {
      camera.position.set(target.x, target.y - 3 * away, target.z + 8 * away);
    } else {
      camera.position.set(target.x + (rollout.scene.flat ? 0 : 0.45 * away), target.y - away,
                          target.z + 0.25 * away);
    }
    const controls = new THREE.OrbitControls(camera, canvas);
    controls.target.copy(target);
    controls.enableKeys = false;
    const last = target.clone();
    function draw() {
      const width = canvas.clientWidth;
      const height = canvas.clientHeight;
      if (!width) return;
      renderer.setPixelRatio(window.devicePixelRatio || 1);
      renderer.setSize(width, height, false);
      camera.aspect = width / height;
      camera.updateProjectionMatrix();
      renderer.render(scene, camera);
    }
    controls.addEventListener('change', draw);
    controls.update();
    new ResizeObserver(draw).observe(canvas);
    followers.push((now) => {
      const frame = rollout.poses[Math.min(now, rollout.poses.length - 1)];
      frame.forEach((pose, body) => {
        const [x, y, z, qw, qx, qy, qz] = pose;
        bodies[body].position.set(x, y, z);
        bodies[body].quaternion.set(qx, qy, qz, qw);
      });
      if (lead >= 0) {
        const at = new THREE.Vector3(...frame[lead].slice(0, 3));
        for (const plane of planes) {
          plane.position.set(2 * Math.round(at.x / 2), 2 * Math.round(at.y / 2), 0);
        }
        if (follow.checked) {
          const moved = at.clone().sub(last);
          if (!climbs) moved.z = 0;
          camera.position.add(moved);
          controls.target.add(moved);
          controls.update();
        }
        last.copy(at);
      }
      draw();
    });
  }

  // ---- the same from the side, where there is no WebGL

  function rotate(q, p) {
    const [w, x, y, z] = q;
    const t = [2 * (y * p[2] - z * p[1]), 2 * (z * p[0] - x * p[2]), 2 * (x * p[1] - y * p[0])];
    return [p[0] + w * t[0] + y * t[2] - z * t[1], p[1] + w * t[1] + z * t[0] - x * t[2],
            p[2] + w * t[2] + x * t[1] - y * t[0]];
  }

  function hull(points) {
    points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const half = (list) => {
      const out = [];
      for (const p of list) {
        while (out.length > 1) {
          const [a, b] = out.slice(-2);
          if ((b[0] - a[0]) * (p[1] - a[1]) > (b[1] - a[1]) * (p[0] - a[0])) break;
          out.pop();
        }
        out.push(p);
      }
      return out.slice(0, -1);
    };
    return half(points).concat(half(points.slice().reverse()));
  }

  function viewFlat(canvas, rollout) {
    const lead = leader(rollout);
    const reach = extent(rollout, lead);
    const fromAbove = rollout.scene.from_above;
    followers.push((now) => {
      const frame = rollout.poses[Math.min(now, rollout.poses.length - 1)];
      const width = canvas.width = canvas.clientWidth;
      const height = canvas.height = canvas.clientHeight;
      const pen = canvas.getContext('2d');
      const scale = height / (2.4 * reach);
      const centre = lead < 0 ? [0, 0, 0] : (follow.checked ? frame : rollout.poses[0])[lead];
      const up = fromAbove ? 1 : 2;
      const project = (p) =>
          [width / 2 + scale * (p[0] - centre[0]), height / 2 - scale * (p[up] - centre[up])];
      pen.lineCap = pen.lineJoin = 'round';
      for (const shape of rollout.scene.shapes) {
        const pose = frame[shape.body];
        const place = (p) => {
          const inBody = rotate(shape.rotation, p).map((v, i) => v + shape.position[i]);
          return project(rotate(pose.slice(3), inBody).map((v, i) => v + pose[i]));
        };
        const line = (points, thick) => {
          pen.lineWidth = Math.max(1, thick);
          pen.beginPath();
          points.forEach((p) => pen.lineTo(...p));
          pen.stroke();
        };
        pen.fillStyle = pen.strokeStyle = shape.color;
        pen.globalAlpha = shape.opacity;
        const [a, b] = shape.size;
        const c = shape.kind === 'plane' ? 0 : shape.size[2];
        if (endless(shape)) {
          pen.strokeStyle = '#888';
          if (!fromAbove) line([[0, place([0, 0, 0])[1]], [width, place([0, 0, 0])[1]]], 1);
        } else if (shape.kind === 'sphere' || shape.kind === 'ellipsoid') {
          pen.beginPath();
          pen.arc(...place([0, 0, 0]), scale * (shape.kind === 'sphere' ? a : (a + b + c) / 3), 0, 7);
          pen.fill();
        } else if (shape.kind === 'capsule' || shape.kind === 'cylinder') {
          line([place([0, 0, -b]), place([0, 0, b])], 2 * a * scale);
        } else if (shape.kind === 'line') {
          line(shape.points.map(place), 2 * a * scale);
        } else {
          const corners = shape.points.length ? shape.points
              : [-a, a].flatMap((x) => [-b, b].flatMap((y) => [-c, c].map((z) => [x, y, z])));
          pen.beginPath();
          hull(corners.map(place)).forEach((p) => pen.lineTo(...p));
          pen.fill();
        }
      }
    });
  }

  function addView(parent, rollout) {
    if (!rollout.scene.bodies.length) {
      parent.append(element('p', {className: 'note', textContent: rollout.scene_note}));
      return;
    }
    const box = element('div', {className: 'view'});
    const canvas = element('canvas');
    box.append(canvas);
    parent.append(box);
    const probe = document.createElement('canvas');
    if (probe.getContext('webgl') || probe.getContext('experimental-webgl')) {
      view3d(canvas, rollout);
    } else {
      parent.append(element('p', {
        className: 'note',
        textContent: 'This browser offers no WebGL: a flat view in place of the one in space.'
      }));
      viewFlat(canvas, rollout);
    }
  }

  // ---- plots

  function bounds(lists) {
    let low = Infinity;
    let high = -Infinity;
    for (const list of lists) {
      for (const v of list) {
        if (v === null) continue;
        low = Math.min(low, v);
        high = Math.max(high, v);
      }
    }
    if (low > high) return [0, 1];
    const margin = 0.05 * (high - low) || 0.5 * Math.abs(high) || 1;
    return [low - margin, high + margin];
  }

  const number = (v) => v === null || v === undefined ? '–' : String(Number(v.toPrecision(5)));

  // lines: [{name, values}]
  function addPlot(parent, title, lines, range) {
    const caption = element('figcaption', {}, title);
    if (lines.length > 1) {
      lines.forEach((line, i) => {
        const key = element('span', {className: 'key'});
        key.style.background = COLORS[i % COLORS.length];
        caption.append(key, line.name);
      });
    }
    const canvas = element('canvas');
    parent.append(element('figure', {className: 'plot'}, caption, canvas));
    const still = document.createElement('canvas');
    const left = 52;
    const x = (i) => left + (canvas.width - left - 6) * i / Math.max(1, steps);
    function drawLines() {
      canvas.width = still.width = Math.max(200, canvas.clientWidth);
      canvas.height = still.height = 96;
      const pen = still.getContext('2d');
      const [low, high] = range;
      const y = (v) => still.height - 6 - (still.height - 12) * (v - low) / (high - low);
      pen.font = '11px sans-serif';
      pen.fillStyle = '#555';
      pen.strokeStyle = '#ddd';
      pen.textAlign = 'right';
      for (const v of [low, (low + high) / 2, high]) {
        pen.fillText(String(Number(v.toPrecision(3))), left - 4, Math.min(still.height - 2, Math.max(10, y(v) + 4)));
        pen.beginPath();
        pen.moveTo(left, y(v));
        pen.lineTo(still.width - 6, y(v));
        pen.stroke();
      }
      lines.forEach((line, i) => {
        pen.strokeStyle = COLORS[i % COLORS.length];
        pen.beginPath();
        let drawing = false;
        line.values.forEach((v, t) => {
          if (v === null) { drawing = false; return; }
          if (drawing) pen.lineTo(x(t), y(v)); else pen.moveTo(x(t), y(v));
          drawing = true;
        });
        pen.stroke();
      });
    }
    function draw() {
      const pen = canvas.getContext('2d');
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(still, 0, 0);
      pen.strokeStyle = '#000';
      pen.beginPath();
      pen.moveTo(x(step), 0);
      pen.lineTo(x(step), canvas.height);
      pen.stroke();
    }
    function seek(event) {
      const box = canvas.getBoundingClientRect();
      const at = (event.clientX - box.left) * canvas.width / box.width;
      show(Math.round((at - left) / (canvas.width - left - 6) * steps));
    }
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener('pointermove', (event) => { if (event.buttons) seek(event); });
    new ResizeObserver(() => { drawLines(); draw(); }).observe(canvas);
    followers.push(draw);
  }

  const column = (rows, i) => rows.map((row) => row[i]);

  function sums(rewards) {
    let sum = 0;
    return rewards.map((r) => (sum += r === null ? 0 : r));
  }

  // The plots of one rollout: [{title, lines}].
  function plotsOf(rollout) {
    const plots = [
      {title: 'reward', lines: [{name: 'reward', values: rollout.rewards}]},
      {title: 'return so far', lines: [{name: 'return so far', values: sums(rollout.rewards)}]},
      {title: 'value (the critic’s estimate)', lines: [{name: 'value', values: rollout.values}]}
    ];
    rollout.actions.names.forEach((name, i) => {
      plots.push({title: 'action: ' + name,
                  lines: [{name, values: column(rollout.actions.rows, i)}]});
    });
    const groups = new Map();
    rollout.distributions.names.forEach((name, i) => {
      const index = /\[(\d+)/.exec(name);
      const key = rollout.actions.names.length > 1 && index
          ? rollout.actions.names[Number(index[1])] || name : 'all';
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push({name, values: column(rollout.distributions.rows, i)});
    });
    groups.forEach((lines, key) => {
      plots.push({title: 'distribution' + (key === 'all' ? '' : ' of ' + key) +
                             (lines.length > 1 ? ':' : ': ' + lines[0].name), lines});
    });
    return plots;
  }

  // ---- controls

  const play = element('button', {textContent: 'Play', title: 'space'});
  const slider = element('input', {type: 'range', min: 0, max: steps, value: 0, step: 1});
  slider.setAttribute('aria-label', 'step');
  const speed = element('select', {title: 'speed'});
  for (const s of [0.1, 0.25, 0.5, 1, 2, 4, 8]) {
    speed.append(element('option', {value: s, textContent: s + ' ×', selected: s === 1}));
  }
  const follow = element('input', {type: 'checkbox', checked: true});
  const output = element('output');
  document.getElementById('controls').append(
      play, slider, output, element('label', {}, 'speed ', speed),
      element('label', {}, follow, ' follow'));

  function show(to) {
    step = Math.min(steps, Math.max(0, to));
    slider.value = step;
    const seconds = rollouts[0].control_step * step;
    output.textContent = 'step ' + step + ' of ' + steps +
        (seconds > 0 || step === 0 ? ', ' + seconds.toFixed(2) + ' s' : '');
    for (const follower of followers) follower(step);
  }

  let playing = false;
  let due = 0;
  let before = 0;
  function tick(now) {
    if (!playing) return;
    due += (now - before) / 1000 * Number(speed.value) / (rollouts[0].control_step || 0.05);
    before = now;
    const whole = Math.floor(due);
    due -= whole;
    if (whole > 0) show(step + whole);
    if (step >= steps) toggle();
    else requestAnimationFrame(tick);
  }
  function toggle() {
    playing = !playing;
    play.textContent = playing ? 'Pause' : 'Play';
    if (!playing) return;
    if (step >= steps) show(0);
    due = 0;
    before = performance.now();
    requestAnimationFrame(tick);
  }
  play.addEventListener('click', toggle);
  slider.addEventListener('input', () => show(Number(slider.value)));
  document.addEventListener('keydown', (event) => {
    if (event.target === speed) return;
    const moves = {ArrowRight: 1, ArrowLeft: -1, PageDown: 25, PageUp: -25, Home: -Infinity,
                   End: Infinity};
    if (event.key === ' ') toggle();
    else if (event.key in moves) show(step + moves[event.key]);
    else return;
    event.preventDefault();
  });

  const plots = rollouts.map(plotsOf);
  // Plots of the same title have the same axis, so that rollouts side by side can be compared.
  const ranges = new Map();
  for (const {title} of plots.flat()) {
    ranges.set(title, bounds(plots.flat().filter((p) => p.title === title)
                                 .flatMap((p) => p.lines.map((l) => l.values))));
  }
  rollouts.forEach((rollout, i) => {
    const parent = document.getElementById('rollout-' + i);
    const place = parent.querySelector('.see');
    addView(place, rollout);
    const reading = element('p', {className: 'reading'});
    place.append(reading);
    const returns = sums(rollout.rewards);
    followers.push((now) => {
      const t = Math.min(now, rollout.rewards.length - 1);
      reading.textContent = rollout.rewards.length === 0 ? 'no steps'
          : 'reward ' + number(rollout.rewards[t]) + '   return so far ' + number(returns[t]) +
                '   value ' + number(rollout.values[t]) +
                (now >= rollout.rewards.length ? '   (ended: ' + rollout.ending + ')' : '');
    });
    for (const {title, lines} of plots[i]) {
      addPlot(parent.querySelector('.plots'), title, lines, ranges.get(title));
    }
  });
  const asked = /^#step=(\d+)$/.exec(location.hash);
  show(asked ? Number(asked[1]) : 0);
})();
