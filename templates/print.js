  // on paper: ?print=full prints everything; what is folded and printed is open while it is
  if (new URLSearchParams(location.search).get("print") === "full") root.classList.add("print-full");
  var unfolded = [];
  window.addEventListener("beforeprint", function () {
    var all = root.classList.contains("print-full");
    if (all) document.querySelectorAll(".case > details").forEach(unfold);
    document.querySelectorAll(all ? "details" : ".case > details").forEach(function (each) {
      if (!each.open) { each.open = true; unfolded.push(each); }
    });
  });
  window.addEventListener("afterprint", function () {
    unfolded.forEach(function (each) { each.open = false; });
    unfolded = [];
  });
