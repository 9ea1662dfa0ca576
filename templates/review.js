(function () {
  "use strict";
  var root = document.documentElement, body = document.body;
  var texts = JSON.parse(document.getElementById("texts").textContent);
  var data = JSON.parse(document.getElementById("data").textContent);
  var items = data.items, words = texts[root.lang], screen = "start", at = 0, review = null, unsaved = false;
  var questions = {
    looks_at: ["object", "background", "both", "cannot_tell"],
    map_plausible: ["yes", "no", "cannot_tell"],
    change_realistic: ["yes", "no", "cannot_tell"]
  };
  //: the answer that each digit stands for
  var digits = {};
  ["looks_at", "map_plausible", "change_realistic"].reduce(function (next, name) {
    questions[name].forEach(function (answer) { digits[next++ % 10] = [name, answer]; });
    return next;
  }, 1);

  function by(id) { return document.getElementById(id); }
  function all(selector) { return Array.from(document.querySelectorAll(selector)); }
  function fill(text, values) {
    return text.replace(/\{(\w+)\}/g, function (whole, name) { return name in values ? values[name] : whole; });
  }
  function say(text) { by("said").textContent = text; }
  function complain(text) { by("trouble").textContent = text; }

  // what is kept in this browser; some keep nothing for a file that was opened from disk
  var store = (function () {
    try {
      var found = window.localStorage, name = "modelaudit review";
      found.setItem(name, "1");
      found.removeItem(name);
      return found;
    } catch (error) { return null; }
  })();
  var PREFIX = "modelaudit review " + data.run + " ";
  function keep() {
    if (!review) return;
    review.at = at;
    unsaved = true;
    try {
      if (!store) throw new Error();
      store.setItem(PREFIX + review.reviewer, JSON.stringify(review));
    } catch (error) { by("warning").hidden = false; store = null; }
  }
  function kept(reviewer) {
    try { return JSON.parse(store.getItem(PREFIX + reviewer)); } catch (error) { return null; }
  }
  function begun() {
    if (!store) return [];
    return Object.keys(store).filter(function (key) { return key.indexOf(PREFIX) === 0; })
      .map(function (key) { return kept(key.slice(PREFIX.length)); })
      .filter(function (one) { return one && one.answers; });
  }

  function nameOf(picture) { return [picture.model, picture.image, picture.changed, picture.map].join(" "); }
  function asked(item) {
    return (item.picture.map ? ["looks_at", "map_plausible"] : []).concat(item.picture.changed ? ["change_realistic"] : []);
  }
  function answerOf(item) { return review.answers[nameOf(item.picture)] || {}; }
  function isDone(item, answers) {
    var given = answers[nameOf(item.picture)] || {};
    return asked(item).every(function (question) { return given[question]; });
  }
  function done(answers) { return items.filter(function (item) { return isDone(item, answers); }).length; }

  // screens
  function show(name) {
    screen = name;
    all("[data-screen]").forEach(function (each) { each.hidden = each.dataset.screen !== name; });
    all("[data-while]").forEach(function (each) { each.hidden = each.dataset.while.split(" ").indexOf(name) < 0; });
    complain("");
    draw();
    if (name === "picture") by("at").focus({preventScroll: true});
    if (name === "end") by("ended").focus({preventScroll: true});
    window.scrollTo(0, 0);
  }
  function draw() {
    document.title = words.title;
    all("[data-word]").forEach(function (each) { each.textContent = words[each.dataset.word]; });
    all("[data-language]").forEach(function (each) { each.setAttribute("aria-pressed", String(each.dataset.language === root.lang)); });
    by("intro").textContent = fill(words.intro, {count: items.length, minutes: Math.ceil(items.length / 4)});
    if (screen === "start") drawStart();
    if (review) {
      by("done").max = items.length;
      by("done").value = done(review.answers);
      by("answered").textContent = fill(words.answered, {done: done(review.answers), count: items.length});
    }
    if (screen === "picture") drawPicture();
    if (screen === "end") {
      var open = items.length - done(review.answers);
      by("ended").textContent = open ? fill(words.still_open, {open: open, count: items.length}) : words.all_done;
      by("what-now").textContent = open ? words.for_later : words.send;
      by("again-word").textContent = open ? words.first_open : words.look_again;
      by("save-at-end").classList.toggle("main", !open);
      by("again").classList.toggle("main", !!open);
    }
  }
  function drawStart() {
    var list = by("begun");
    list.textContent = "";
    begun().forEach(function (one) {
      var entry = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = fill(words.go_on, {name: one.reviewer, done: done(one.answers), count: items.length});
      button.addEventListener("click", function () { goOn(one); });
      entry.appendChild(button);
      list.appendChild(entry);
    });
  }
  function drawFigure(id, file, map, outline, caption) {
    var figure = by(id), photo = figure.querySelector(".photo"), over = figure.querySelector(".map");
    photo.setAttribute("href", data.files[file]);
    if (map) over.setAttribute("href", data.files[map]);
    else over.removeAttribute("href");
    figure.querySelectorAll(".outline").forEach(function (line) { line.setAttribute("d", outline); });
    figure.querySelector("svg").setAttribute("aria-label", caption);
    figure.querySelector("figcaption").textContent = caption;
  }
  function drawPicture() {
    var item = items[at], picture = item.picture, given = answerOf(item), wanted = asked(item);
    var isOn = body.classList.contains("is-map");
    by("at").textContent = fill(words.at, {at: at + 1, count: items.length});
    drawFigure("original", picture.image, null, item.outlines[0], words.original);
    by("changed").hidden = !(picture.changed && picture.map);
    drawFigure("changed", picture.changed || picture.image, null, item.outlines[1], words.changed);
    var caption = picture.changed ? (picture.map ? words.changed_with_map : words.changed) : words.with_map;
    if (picture.map && !isOn) caption = picture.changed ? words.changed : words.map_off;
    drawFigure("shown", picture.changed || picture.image, picture.map, item.outlines[1], caption);
    by("legend").hidden = !picture.map;
    all("[data-switch=map]").forEach(function (each) { each.hidden = !picture.map; });
    all("[data-switch=outline]").forEach(function (each) { each.hidden = !(item.outlines[0] || item.outlines[1]); });
    all("[data-question]").forEach(function (each) { each.hidden = wanted.indexOf(each.dataset.question) < 0; });
    all(".choices input").forEach(function (each) { each.checked = given[each.name] === each.value; });
    if (document.activeElement !== by("comment")) by("comment").value = given.comment || "";
    by("back").disabled = at === 0;
    by("next-word").textContent = at === items.length - 1 ? words.to_end : words.next;
  }

  // what the reviewer does
  function set(field, value) {
    var name = nameOf(items[at].picture), given = review.answers[name] || {};
    given[field] = value;
    review.answers[name] = given;
    keep();
    draw();
    if (field === "comment") return;
    say(fill(words.chosen, {question: words[field], answer: words[value]}) + (store ? " " + words.kept : ""));
  }
  function go(place) {
    by("comment").blur();
    at = Math.max(0, Math.min(place, items.length - 1));
    keep();
    say("");
    show(place >= items.length ? "end" : "picture");
  }
  function firstOpen() {
    for (var n = 0; n < items.length; n++) if (!isDone(items[n], review.answers)) return n;
    return 0;
  }
  function goOn(one) {
    review = one;
    go(done(one.answers) === items.length ? items.length : Math.min(one.at || 0, items.length - 1));
  }
  function clean(name) { return name.replace(/\s+/g, " ").replace(/\p{C}/gu, "").trim().slice(0, 100); }
  function begin(event) {
    event.preventDefault();
    var reviewer = clean(by("reviewer").value);
    if (!reviewer) return complain(words.name_missing);
    goOn(kept(reviewer) || {reviewer: reviewer, started: new Date().toISOString(), answers: {}, at: 0});
  }
  function saved() {
    var answers = items.filter(function (item) { return isDone(item, review.answers); }).map(function (item) {
      var given = answerOf(item), answer = {picture: item.picture};
      asked(item).forEach(function (question) { answer[question] = given[question]; });
      answer.comment = (given.comment || "").trim();
      return answer;
    });
    return {
      schema_version: 1, run: data.run, reviewer: review.reviewer, started: review.started,
      finished: new Date(Math.max(Date.now(), Date.parse(review.started))).toISOString(),
      seed: data.seed, answers: answers
    };
  }
  function save() {
    var found = saved(), link = document.createElement("a");
    if (!found.answers.length) return say(words.nothing_to_save);
    link.href = URL.createObjectURL(new Blob([JSON.stringify(found, null, 1) + "\n"], {type: "application/json"}));
    link.download = "review.json";
    body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
    unsaved = false;
    say(fill(words.saved, {done: found.answers.length, count: items.length}));
  }
  function load(file) {
    file.text().then(function (text) {
      var found, known = {}, fitting = {}, others = 0;
      try { found = JSON.parse(text); } catch (error) { found = null; }
      if (!found || found.schema_version !== 1 || typeof found.reviewer !== "string" || !clean(found.reviewer) || !Array.isArray(found.answers))
        return complain(fill(words.not_a_review, {file: file.name}));
      items.forEach(function (item) { known[nameOf(item.picture)] = item; });
      found.answers.forEach(function (answer) {
        var name = nameOf(Object.assign({changed: null, map: null}, answer && answer.picture)), item = known[name];
        if (!item) return others++;
        fitting[name] = {comment: String(answer.comment || "")};
        asked(item).forEach(function (question) {
          if (questions[question].indexOf(answer[question]) >= 0) fitting[name][question] = answer[question];
        });
      });
      if (found.answers.length && others === found.answers.length)
        return complain(fill(words.no_picture_fits, {file: file.name}));
      var started = isNaN(Date.parse(found.started)) ? new Date().toISOString() : found.started;
      var reviewer = clean(found.reviewer), here = kept(reviewer);
      review = {reviewer: reviewer, started: started, answers: Object.assign({}, here && here.answers, fitting), at: 0};
      go(done(review.answers) === items.length ? items.length : firstOpen());
      if (others) complain(fill(words.other_pictures, {count: others}));
    });
  }
  function turn(name) {
    var button = document.querySelector("[data-switch=" + name + "]"), on = button.getAttribute("aria-pressed") !== "true";
    if (button.hidden) return;
    button.setAttribute("aria-pressed", String(on));
    body.classList.toggle(name === "keys" ? "no-keys" : "is-" + name, name === "keys" ? !on : on);
    draw();
  }
  function back() {
    if (screen === "picture") { if (at > 0) go(at - 1); } else go(firstOpen());
  }
  function press(event) {
    var target = event.target, tag = target.tagName, key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !review) return;
    if (tag === "TEXTAREA" || (tag === "INPUT" && target.type !== "radio")) {
      if (event.key === "Escape") by("at").focus();
      return;
    }
    if (body.classList.contains("no-keys") || (key === "enter" && /^(BUTTON|SUMMARY|A)$/.test(tag))) return;
    var code = /^(?:Digit|Numpad)(\d)$/.exec(event.code), digit = code && !event.shiftKey ? code[1] : /^\d$/.test(key) ? key : null;
    var actions = {b: back, s: save};
    if (screen === "picture") {
      Object.assign(actions, {
        enter: function () { go(at + 1); },
        c: function () { by("comment").focus(); },
        h: function () { turn("map"); }, o: function () { turn("outline"); },
        l: function () { turn("light"); }, z: function () { turn("large"); }
      });
      if (digit !== null && digits[digit] && asked(items[at]).indexOf(digits[digit][0]) >= 0)
        actions[key] = function () { set(digits[digit][0], digits[digit][1]); };
    }
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  }

  function speak(language) {
    root.lang = language;
    words = texts[language];
    say("");
    draw();
  }
  all("[data-language]").forEach(function (each) { each.addEventListener("click", function () { speak(each.dataset.language); }); });
  all("[data-switch]").forEach(function (each) { each.addEventListener("click", function () { turn(each.dataset.switch); }); });
  all("[data-save]").forEach(function (each) { each.addEventListener("click", save); });
  all(".choices input").forEach(function (each) { each.addEventListener("change", function () { set(each.name, each.value); }); });
  by("begin").addEventListener("submit", begin);
  by("begin").noValidate = true;
  by("load").addEventListener("change", function () { if (this.files[0]) load(this.files[0]); this.value = ""; });
  by("comment").addEventListener("input", function () { set("comment", this.value); });
  by("back").addEventListener("click", back);
  by("again").addEventListener("click", back);
  by("next").addEventListener("click", function () { go(at + 1); });
  document.addEventListener("keydown", press);
  window.addEventListener("beforeunload", function (event) { if (!store && unsaved) event.preventDefault(); });
  by("warning").hidden = !!store;
  body.classList.add("is-map");
  var wish = location.hash.slice(1);
  if (texts[wish]) { root.lang = wish; words = texts[wish]; }
  show("start");
})();
