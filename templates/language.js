
  // the patch says what differs in the other language; what stood there before is kept, so that it can be put back
  var languages = ["en", "ja"], written = root.lang, changes = [];
  function blank(text) { return !/[^ \t\n\r\f]/.test(text); }
  function textsIn(part) {
    var walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) if (!blank(walker.currentNode.data)) found.push(walker.currentNode);
    return found;
  }
  function swap(node, html) {
    var box = document.createElement("template");
    box.innerHTML = html;
    return {node: node, other: box.content.firstElementChild};
  }
  function readPatch() {
    var patch = JSON.parse(document.getElementById("embedded").textContent).patch, found = [];
    var behind = document.getElementById("behind");
    if (patch.whole !== undefined) {
      var other = behind.cloneNode(false);
      other.innerHTML = patch.whole;
      return [{node: behind, other: other}];
    }
    behind.querySelectorAll("[data-part]").forEach(function (part, number) {
      var own = patch.parts[number], at;
      if (!own) return;
      if (typeof own === "string") { found.push(swap(part, own)); return; }
      var texts = textsIn(part), elements = [part].concat(Array.from(part.querySelectorAll("*")));
      if (texts.length !== own[0] || elements.length !== own[1]) return;
      for (var i = at = 0; i < own[2].length; i += 2) {
        at += own[2][i];
        found.push({text: texts[at], written: texts[at].data, other: patch.texts[own[2][i + 1]]});
      }
      for (i = at = 0; i < own[3].length; i += 3) {
        at += own[3][i];
        var name = own[3][i + 1];
        found.push({element: elements[at], name: name, written: elements[at].getAttribute(name), other: patch.texts[own[3][i + 2]]});
      }
    });
    return found;
  }
  function speak(language) {
    var before = document.getElementById("behind").lang;
    if (language !== before) {
      changes.forEach(function (change) {
        if (change.node) {
          change.node.replaceWith(change.other);
          change.other = [change.node, change.node = change.other][0];
        } else if (change.text) change.text.data = language === written ? change.written : change.other;
        else change.element.setAttribute(change.name, language === written ? change.written : change.other);
      });
    }
    root.lang = document.getElementById("behind").lang = language;
    document.title = document.querySelector(".first-" + language).dataset.title;
    document.querySelectorAll("[data-language]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    });
    document.dispatchEvent(new CustomEvent("languagechange", {detail: language}));
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-language]");
    if (button) speak(button.dataset.language);
  });
