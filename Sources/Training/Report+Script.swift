extension Report {
  /// The page's script: what is pointed at is told, labels of the map can be chosen.
  ///
  /// Text reaches the page through `textContent` only.
  static let script = """
    (() => {
      const tip = document.getElementById('tip');
      const place = (x, y) => {
        const box = tip.getBoundingClientRect();
        tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + 'px';
        tip.style.top = (y + box.height + 24 > innerHeight ? y - box.height - 12 : y + 16) + 'px';
      };
      const tell = (nodes, x, y) => { tip.replaceChildren(...nodes); tip.hidden = false; place(x, y); };
      const element = (name, text) => { const e = document.createElement(name); e.textContent = text; return e; };
      const onPoint = event => {
        const target = event.target.closest && event.target.closest('[data-tip]');
        if (target) {
          const [head, ...rest] = target.dataset.tip.split('\\n');
          tell([element('strong', head), ...rest.map(line => element('div', line))], event.clientX, event.clientY);
        } else if (!(event.target.closest && event.target.closest('#map-plot'))) { tip.hidden = true; }
      };
      document.addEventListener('pointermove', onPoint);
      document.addEventListener('pointerdown', onPoint);
      document.addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });
      document.addEventListener('keydown', event => { if (event.key === 'Escape') tip.hidden = true; });

      const plot = document.getElementById('map-plot');
      if (!plot) return;
      const data = JSON.parse(document.getElementById('map-data').textContent);
      const ring = document.getElementById('map-ring');
      const circles = [...plot.querySelectorAll('circle[data-class]')];
      const chosen = new Set();
      const visible = label => chosen.size === 0 || chosen.has(label);
      const onMap = event => {
        const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
        let best = -1, nearest = 18 * 18;
        data.points.forEach((point, index) => {
          const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
          if (distance < nearest && visible(point.label)) { nearest = distance; best = index; }
        });
        ring.toggleAttribute('hidden', best < 0);
        if (best < 0) { tip.hidden = true; return; }
        const point = data.points[best], circle = circles[best];
        ring.setAttribute('cx', circle.getAttribute('cx'));
        ring.setAttribute('cy', circle.getAttribute('cy'));
        const head = element('strong', data.classes[point.label]);
        head.className = 'swatch';
        head.style.setProperty('--c', circle.style.getPropertyValue('--c'));
        let body = element('div', point.text || '');
        if (point.image) {
          body = document.createElement('img');
          Object.assign(body, { src: point.image, className: 'pixels', alt: '' });
        }
        tell([head, body], event.clientX, event.clientY);
      };
      plot.addEventListener('pointermove', onMap);
      plot.addEventListener('pointerdown', onMap);
      plot.addEventListener('pointerleave', () => { tip.hidden = true; ring.setAttribute('hidden', ''); });
      for (const button of document.querySelectorAll('.legend-buttons button')) {
        button.addEventListener('click', () => {
          const label = Number(button.dataset.class);
          if (!chosen.delete(label)) chosen.add(label);
          button.setAttribute('aria-pressed', chosen.has(label));
          circles.forEach(circle => circle.classList.toggle('dim', !visible(Number(circle.dataset.class))));
        });
      }
    })();
    """
}
