(function () {
  var choices = document.querySelectorAll(".choice");
  function show() {
    choices.forEach(function (choice) {
      if (!choice.checked) return;
      document.documentElement.lang = choice.value;
      document.title = document.querySelector(".page-" + choice.value).dataset.title;
    });
  }
  function follow() {
    choices.forEach(function (choice) {
      var prefix = "#" + choice.value;
      if (location.hash === prefix || location.hash.indexOf(prefix + "-") === 0) choice.checked = true;
    });
    show();
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target) target.scrollIntoView();
  }
  choices.forEach(function (choice) { choice.addEventListener("change", show); });
  window.addEventListener("hashchange", follow);
  follow();
})();
