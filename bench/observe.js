// Notes when each mark first stands in a text node of the page. The callback
// runs as soon as the script that changed the nodes is done.
(() => {
  const seen = {};
  const note = (text, at) => {
    for (const [mark] of text.matchAll(/\bm\d{6}\b/g)) seen[mark] ??= at;
  };
  new MutationObserver((records) => {
    const at = performance.timeOrigin + performance.now();
    for (const r of records) {
      if (r.type === "characterData") note(r.target.data, at);
      for (const node of r.addedNodes) note(node.textContent, at);
    }
  }).observe(document.querySelector('[data-panel="readings"]'), { subtree: true, childList: true, characterData: true });
  globalThis.benchSeen = seen;
  return document.querySelectorAll('[data-panel="readings"] tr[data-key]').length;
})();
