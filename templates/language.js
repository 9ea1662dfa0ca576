
  // the patch says what differs in the other language; what stood there before is kept, so that it can be put back
  var languages = ["en", "ja"], written = root.lang, parts = [], patch = null, changes = [];
  function blank(text) { return !/[^ \t\n\r\f]/.test(text); }
  function textsIn(part) {
    var walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) if (!blank(walker.currentNode.data) && !walker.currentNode.parentNode.matches(".found")) found.push(walker.currentNode);
    return found;
  }
  function swap(node, html) {
    var box = document.createElement("template");
    box.innerHTML = html;
    box.content.querySelectorAll("noscript").forEach(function (each) { each.replaceWith.apply(each, Array.from(each.childNodes)); });
    return {node: node, other: box.content.firstElementChild};
  }
  function changesIn(part) {
    var own = patch.parts[parts.indexOf(part)], found = [], at;
    if (!own) return found;
    if (typeof own === "string") return [swap(part, own)];
    var texts = textsIn(part), elements = [part].concat(Array.from(part.querySelectorAll("*")));
    if (texts.length !== own[0] || elements.length !== own[1]) return found;
    for (var i = at = 0; i < own[2].length; i += 2) {
      at += own[2][i];
      found.push({text: texts[at], written: texts[at].data, other: patch.texts[own[2][i + 1]]});
    }
    for (i = at = 0; i < own[3].length; i += 3) {
      at += own[3][i];
      var name = own[3][i + 1];
      found.push({element: elements[at], name: name, written: elements[at].getAttribute(name), other: patch.texts[own[3][i + 2]]});
    }
    return found;
  }
  // read when the other language is first asked for; folded parts have their turn when they are unfolded
  function readPatch() {
    var behind = document.getElementById("behind");
    patch = JSON.parse(document.getElementById("embedded").textContent).patch;
    if (patch.whole !== undefined) {
      var other = behind.cloneNode(false);
      other.innerHTML = patch.whole;
      changes = [{node: behind, other: other}];
    } else parts.forEach(function (part) { if (!foldedIn(part)) changes.push.apply(changes, changesIn(part)); });
  }
  function exchange(change, language) {
    if (change.node) {
      change.node.replaceWith(change.other);
      change.other = [change.node, change.node = change.other][0];
    } else if (change.text) change.text.data = language === written ? change.written : change.other;
    else change.element.setAttribute(change.name, language === written ? change.written : change.other);
  }
  function speak(language) {
    if (language !== document.getElementById("behind").lang) {
      if (!patch) readPatch();
      changes.forEach(function (change) { exchange(change, language); });
    }
    root.lang = document.getElementById("behind").lang = language;
    document.title = document.querySelector(".first-" + language).dataset.title;
    document.querySelectorAll("[data-language]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    });
    document.dispatchEvent(new CustomEvent("languagechange", {detail: language}));
  }
  // of many requirements those that are folded are text until they are opened: the page is there sooner
  function foldedIn(part) { return part.querySelector(":scope > noscript"); }
  function unfold(details) {
    var part = details.querySelector(":scope > .body"), folded = part && foldedIn(part), language = root.lang;
    if (!folded) return;
    part.innerHTML = folded.textContent;
    if (!patch || patch.whole !== undefined) return;
    var found = changesIn(part);
    changes.push.apply(changes, found);
    if (language !== written) found.forEach(function (change) { exchange(change, language); });
  }
  document.addEventListener("toggle", function (event) { if (event.target.open) unfold(event.target); }, true);
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-language]");
    if (button) speak(button.dataset.language);
  });
