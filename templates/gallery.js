// galleries: a picture opens in a window of its own, where the original is laid over the changed one
(function () {
  var page = document.documentElement;
  var box = null, rows = [], at = 0, scenes = [], shown = {};
  page.classList.add("scripted");

  function part(name) { return box.querySelector('[data-role="' + name + '"]'); }
  function hrefOf(use) { return use ? use.getAttribute("href") : null; }

  // the images of a row, each with the heat maps that are laid over it
  function scenesOf(row) {
    var found = [];
    row.querySelectorAll("figure").forEach(function (figure) {
      var picture = figure.querySelector("svg.picture");
      if (!picture) return;
      var heading = figure.querySelector("figcaption .what"), said = heading ? heading.textContent : "";
      var beneath = hrefOf(picture.querySelector(".beneath"));
      var under = beneath && found.filter(function (scene) { return scene.image === beneath; })[0];
      if (under) under.maps.push({picture: picture, said: said, caption: figure.querySelector("figcaption")});
      else found.push({
        image: hrefOf(picture.querySelector("use")), outline: picture.dataset.outline ? "#" + picture.dataset.outline : null,
        original: picture.dataset.kind === "original", picture: picture, said: said,
        caption: figure.querySelector("figcaption"), maps: []
      });
    });
    return found;
  }

  function options(name, texts, value) {
    var select = part(name);
    select.replaceChildren.apply(select, texts.map(function (text, number) { return new Option(text, number); }));
    select.value = value < texts.length ? value : 0;
    select.closest("label").hidden = texts.length < 2;
    return Number(select.value);
  }

  function layer(svg, name, href) {
    var use = document.createElementNS(svg.namespaceURI, "use");
    if (name) use.setAttribute("class", name);
    use.setAttribute("href", href);
    svg.append(use);
  }

  function draw(side, scene) {
    var svg = part(side), map = scene && scene.maps[shown.method];
    svg.replaceChildren();
    svg.style.display = scene ? "" : "none";
    if (!scene) return;
    svg.setAttribute("aria-label", (map || scene).picture.getAttribute("aria-label"));
    layer(svg, map ? "beneath" : "", scene.image);
    if (map) map.picture.querySelectorAll(".heat, .contours").forEach(function (use) {
      layer(svg, use.getAttribute("class"), hrefOf(use));
    });
    var outline = scene.outline || (map && hrefOf(map.picture.querySelector(".outline")));
    if (outline && part("outline").checked) layer(svg, "outline", outline);
  }

  function say(side, scene) {
    var place = part(side), map = scene && scene.maps[shown.method];
    place.replaceChildren();
    if (!scene) return;
    [scene.caption, map && map.caption].forEach(function (caption, second) {
      if (!caption) return;
      caption.querySelectorAll(second ? ":scope > .what:not(:first-child)" : ":scope > span").forEach(function (line) {
        place.append(line.cloneNode(true));
      });
    });
  }

  function update() {
    var changed = scenes.filter(function (scene) { return !scene.original; });
    shown.change = options("change", changed.map(function (scene) { return scene.said; }), shown.change || 0);
    var after = changed[shown.change] || null, before = null;
    scenes.some(function (scene) {
      if (scene.original) before = scene;
      return scene === after;
    });
    var maps = (after && after.maps.length ? after : before || after || {maps: []}).maps;
    shown.method = options("method", maps.map(function (map) { return map.said; }), shown.method || 0);
    var both = Boolean(before && after), split = both ? Number(part("split").value) : before ? 100 : 0;
    part("split").closest("label").hidden = !both;
    part("split").setAttribute("aria-valuetext", split + "%");
    part("heat").closest("label").hidden = !maps.length;
    part("colours").hidden = !maps.length;
    part("stage").style.setProperty("--split", split + "%");
    part("stage").style.setProperty("--heat", Number(part("heat").value) / 100);
    part("stage").classList.toggle("both", both);
    draw("before", before);
    draw("after", after);
    say("said-before", before);
    say("said-after", after);
    part("outline").closest("label").hidden = !scenes.some(function (scene) {
      return scene.outline || scene.maps.some(function (map) { return map.picture.querySelector(".outline"); });
    });
  }

  function show(number) {
    at = (number + rows.length) % rows.length;
    scenes = scenesOf(rows[at]);
    var caption = rows[at].parentElement.querySelector(".caption, .sentence");
    part("name").textContent = caption ? caption.textContent.replace(/\s+/g, " ").trim() : "";
    part("place").textContent = rows.length > 1 ? at + 1 + " / " + rows.length : "";
    part("previous").hidden = part("next").hidden = rows.length < 2;
    update();
  }

  function open(row) {
    var all = document.querySelectorAll("dialog.lightbox");
    box = Array.from(all).filter(function (each) { return each.lang === page.lang; })[0] || all[0];
    var gallery = row.closest(".gallery");
    rows = gallery ? Array.from(gallery.querySelectorAll(".panels")) : [row];
    rows = rows.filter(function (each) { return each.querySelector("svg.picture"); });
    shown = {};
    box.showModal();
    show(rows.indexOf(row));
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest(".enlarge"), picture = event.target.closest(".panels svg.picture");
    if (button) open(button.closest(".strip").querySelector(".panels"));
    else if (picture) open(picture.closest(".panels"));
    else if (event.target.matches("dialog.lightbox")) event.target.close();
    else if (box && box.contains(event.target)) {
      var pressed = event.target.closest("button");
      if (!pressed) return;
      if (pressed === part("close")) box.close();
      else show(at + (pressed === part("next") ? 1 : -1));
    }
  });
  document.addEventListener("input", function (event) {
    if (!box || !box.contains(event.target)) return;
    if (event.target === part("change")) shown.change = Number(event.target.value);
    if (event.target === part("method")) shown.method = Number(event.target.value);
    update();
  });
  document.addEventListener("keydown", function (event) {
    if (!box || !box.open || event.target.matches("input[type=range], select")) return;
    var step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(at + step);
  });
  // the line between original and changed follows the pointer
  ["pointerdown", "pointermove"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      var stage = box && box.open && event.buttons & 1 && event.target.closest(".stage.both");
      if (!stage || !box.contains(stage)) return;
      event.preventDefault();
      var frame = stage.getBoundingClientRect();
      part("split").value = Math.round(100 * (event.clientX - frame.left) / frame.width);
      update();
    });
  });
})();
