extension Report {
  /// The page's style sheet, light and dark.
  static let style = """
    :root {
      color-scheme: light dark;
      --page: #f5f6f8; --surface: #ffffff; --text: #171a1f; --muted: #586170; --line: #e2e5ea; --faint: #eef0f3;
      --accent: #2f5fd0; --train: #2f6fde; --validation: #c2590a; --hit: #2f6fde; --miss: #d1334b; --heat: 70%;
      --good: #1d7a3d; --bad: #b8233c; --shadow: 0 1px 2px rgb(20 25 35 / 6%), 0 4px 16px rgb(20 25 35 / 5%);
      --c0: #2f6fde; --c1: #d9730d; --c2: #23914b; --c3: #d1334b; --c4: #8250df; --c5: #0891a5; --c6: #c026a3;
      --c7: #8a6a12; --c8: #5b6b7d; --c9: #6aa312;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #0e1116; --surface: #161a21; --text: #e7eaef; --muted: #9da7b5; --line: #2a303a; --faint: #1e232c;
        --accent: #8fb0ff; --train: #6ea8fe; --validation: #ffab5e; --hit: #6ea8fe; --miss: #ff6b81; --heat: 52%;
        --good: #5fd38a; --bad: #ff8a9b; --shadow: none;
        --c0: #6ea8fe; --c1: #ffa94d; --c2: #51cf80; --c3: #ff7083; --c4: #b197fc; --c5: #3bc9db; --c6: #f06bd1;
        --c7: #d9b650; --c8: #a3b1c2; --c9: #a9d84a;
      }
    }
    * { box-sizing: border-box; }
    html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
    @media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
    body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", \
    Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
    header, nav, main { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
    header { padding-top: 40px; padding-bottom: 16px; }
    .kind { margin: 0; color: var(--accent); font-size: 13px; font-weight: 600; letter-spacing: .04em; }
    h1 { margin: 2px 0 12px; font-size: clamp(26px, 5vw, 38px); line-height: 1.15; letter-spacing: -.02em; \
    overflow-wrap: anywhere; }
    h2 { margin: 0 0 4px; font-size: 20px; letter-spacing: -.01em; }
    h3 { margin: 0 0 8px; font-size: 14px; }
    .steps { display: flex; flex-wrap: wrap; gap: 6px 22px; margin: 0; padding: 0; list-style: none; \
    font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; color: var(--muted); }
    .steps li { position: relative; padding: 2px 10px; border: 1px solid var(--line); border-radius: 999px; \
    background: var(--surface); overflow-wrap: anywhere; }
    .steps li:not(:last-child)::after { content: "→"; position: absolute; right: -18px; }
    nav { position: sticky; top: 0; z-index: 2; display: flex; gap: 4px; padding-top: 8px; padding-bottom: 8px; \
    overflow-x: auto; background: var(--page); scrollbar-width: none; }
    nav a { padding: 5px 11px; border-radius: 8px; color: var(--muted); font-size: 14px; text-decoration: none; \
    white-space: nowrap; }
    nav a:hover { background: var(--faint); color: var(--text); }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    section { margin: 0 0 20px; padding: 24px; border: 1px solid var(--line); border-radius: 16px; \
    background: var(--surface); box-shadow: var(--shadow); scroll-margin-top: 56px; }
    .note { margin: 0 0 16px; color: var(--muted); max-width: 100ch; }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 8px 0 20px; }
    .card { padding: 14px 16px 16px; border: 1px solid var(--line); border-radius: 12px; }
    .card p { margin: 0; }
    .card .name { color: var(--muted); font-size: 13px; }
    .card .value { font-size: 30px; font-weight: 650; letter-spacing: -.02em; line-height: 1.25; \
    font-variant-numeric: tabular-nums; }
    .card .interval { color: var(--muted); font-size: 13px; font-variant-numeric: tabular-nums; }
    .range { position: relative; height: 6px; margin-top: 12px; border-radius: 3px; background: var(--faint); }
    .range i { position: absolute; top: 0; height: 6px; min-width: 3px; border-radius: 3px; background: var(--accent); \
    opacity: .45; }
    .range b { position: absolute; top: -3px; width: 4px; height: 12px; margin-left: -2px; border-radius: 2px; \
    background: var(--accent); }
    .range.signed { background: linear-gradient(90deg, transparent calc(50% - 1px), var(--muted) 0 calc(50% + 1px), \
    transparent 0) var(--faint); }
    .facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px 20px; margin: 0; }
    .facts dt { color: var(--muted); font-size: 13px; }
    .facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    figure { margin: 0; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 24px; \
    margin-bottom: 12px; }
    svg { display: block; width: 100%; height: auto; }
    svg.chart { max-width: 640px; }
    svg text { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
    svg .heading { fill: var(--text); font-size: 14px; font-weight: 600; }
    svg .key { fill: var(--c); }
    .grid { stroke: var(--line); stroke-width: 1; }
    .line { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
    .dots { fill: var(--c); stroke: var(--surface); stroke-width: 1.2; }
    .train, .m0 { --c: var(--train); } .validation, .m1 { --c: var(--validation); }
    .m2 { --c: var(--c2); } .m3 { --c: var(--c4); } .m4 { --c: var(--c3); } .m5 { --c: var(--c5); }
    .best path { stroke: var(--muted); stroke-dasharray: 3 4; }
    .band { fill: transparent; } .band:hover { fill: var(--text); fill-opacity: .05; }
    details summary { cursor: pointer; color: var(--accent); font-size: 14px; width: max-content; }
    details[open] summary { margin-bottom: 8px; }
    .scroll { overflow: auto; max-height: 720px; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    .numbers { width: 100%; font-size: 14px; }
    .numbers th, .numbers td { padding: 7px 12px; border-bottom: 1px solid var(--line); text-align: right; \
    white-space: nowrap; }
    .numbers th:first-child { position: sticky; left: 0; background: var(--surface); text-align: left; max-width: 40vw; \
    overflow: hidden; text-overflow: ellipsis; }
    .numbers thead th { color: var(--muted); font-size: 13px; font-weight: 500; }
    .numbers tbody th { font-weight: 600; }
    .scores tbody th { white-space: normal; overflow-wrap: break-word; }
    .numbers tfoot th { font-weight: 500; } .numbers tfoot { color: var(--muted); }
    .numbers .best { background: var(--faint); }
    .numbers .best th { background: var(--faint); }
    small { color: var(--muted); font-size: 12px; }
    .bar { display: inline-block; width: 72px; height: 6px; margin-right: 10px; border-radius: 3px; \
    background: var(--faint); vertical-align: 2px; text-align: left; }
    .bar i { display: block; height: 6px; border-radius: 3px; background: var(--accent); }
    .confusion { display: flex; flex-wrap: wrap; gap: 32px; align-items: flex-start; }
    .confusion .scroll { max-width: 100%; max-height: none; }
    .matrix { border-collapse: separate; border-spacing: 3px; font-size: 14px; }
    .matrix caption { padding-bottom: 2px; color: var(--muted); font-size: 13px; text-align: center; }
    .matrix th { padding: 2px 6px; color: var(--muted); font-weight: 500; }
    .matrix tbody th { max-width: 200px; overflow: hidden; text-align: right; text-overflow: ellipsis; white-space: nowrap; }
    .matrix tbody td { min-width: 46px; height: 40px; padding: 0 6px; border-radius: 6px; text-align: center; \
    background: color-mix(in srgb, var(--h) calc(var(--v) * var(--heat)), var(--faint)); }
    .matrix td.hit { --h: var(--hit); font-weight: 650; } .matrix td.miss { --h: var(--miss); }
    .matrix tbody td:hover { outline: 2px solid var(--text); outline-offset: -1px; }
    .matrix.few tbody td { min-width: 96px; height: 64px; font-size: 17px; }
    .matrix.turned thead th { vertical-align: bottom; }
    .matrix.turned thead span { display: inline-block; max-height: 200px; overflow: hidden; text-overflow: ellipsis; \
    writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
    .matrix.dense { border-spacing: 1px; }
    .matrix.dense th { padding: 0; }
    .matrix.dense tbody td { min-width: 9px; width: 9px; height: 9px; padding: 0; border-radius: 2px; }
    .pairs { flex: 1 1 240px; max-width: 380px; }
    .pairs b { overflow-wrap: anywhere; }
    .pairs ol { margin: 0; padding: 0; list-style: none; font-size: 14px; }
    .pairs li { display: flex; justify-content: space-between; gap: 16px; padding: 5px 0; \
    border-bottom: 1px solid var(--line); }
    .mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 12px; }
    .mistakes.images { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
    .mistake { display: flex; flex-direction: column; justify-content: space-between; gap: 12px; padding: 14px; \
    border: 1px solid var(--line); border-radius: 12px; }
    .mistake blockquote { margin: 0; overflow: hidden; overflow-wrap: anywhere; display: -webkit-box; \
    -webkit-line-clamp: 7; -webkit-box-orient: vertical; }
    .mistake figcaption { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; font-weight: 600; \
    overflow-wrap: anywhere; }
    .mistake figcaption small { display: block; font-weight: 400; }
    .images .mistake { padding: 12px; }
    .images .mistake figcaption { display: grid; grid-template-columns: auto auto; gap: 4px 10px; }
    .images figcaption small { overflow-wrap: normal; }
    .images .sure { grid-column: 1 / 3; }
    .gold { color: var(--good); } .wrong { color: var(--bad); } .sure { font-variant-numeric: tabular-nums; }
    .pixels { image-rendering: pixelated; border-radius: 6px; background: var(--faint); }
    .mistake .pixels { width: 100%; height: auto; }
    .reconstructions { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 14px; }
    .reconstructions img { display: block; width: 100%; height: auto; }
    .reconstructions img + img { margin-top: 4px; }
    .legend-buttons { display: flex; flex-wrap: wrap; gap: 6px; margin-bottom: 8px; max-height: 140px; overflow: auto; }
    .legend-buttons button, .swatch { display: inline-flex; align-items: center; gap: 7px; }
    .legend-buttons button { padding: 4px 12px; border: 1px solid var(--line); border-radius: 999px; background: none; \
    color: var(--text); font: inherit; font-size: 14px; cursor: pointer; }
    .legend-buttons button:hover { background: var(--faint); }
    .legend-buttons button[aria-pressed=true] { border-color: var(--text); background: var(--faint); }
    .legend-buttons button::before, .swatch::before { content: ""; width: 10px; height: 10px; border-radius: 50%; \
    background: var(--c); }
    .map circle { fill: var(--c); fill-opacity: .78; stroke: var(--surface); stroke-width: .8; }
    .map circle.dim { fill-opacity: .07; stroke: none; }
    .map #map-ring { fill: none; stroke: var(--text); stroke-width: 2; }
    .map #map-ring[hidden] { display: none; }
    .map { cursor: crosshair; touch-action: pan-y; }
    pre { margin: 8px 0 0; padding: 16px; overflow: auto; border-radius: 10px; background: var(--faint); \
    font: 13px/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    pre b { color: var(--accent); font-weight: 600; } pre i { color: var(--muted); }
    #tip { position: fixed; z-index: 3; max-width: min(340px, calc(100vw - 16px)); padding: 8px 12px; \
    border: 1px solid var(--line); border-radius: 10px; background: var(--surface); box-shadow: 0 6px 24px rgb(0 0 0 / 22%); font-size: 13px; \
    line-height: 1.45; pointer-events: none; overflow-wrap: anywhere; }
    #tip[hidden] { display: none; }
    #tip img { display: block; width: 96px; height: 96px; margin-top: 6px; object-fit: contain; }
    @media (max-width: 640px) {
      header { padding-top: 24px; }
      header, nav, main { padding-left: 12px; padding-right: 12px; }
      section { padding: 18px 14px; border-radius: 14px; }
      .cards { grid-template-columns: 1fr 1fr; gap: 8px; }
      .card { padding: 10px 12px 14px; } .card .value { font-size: 24px; }
      .facts { grid-template-columns: 1fr 1fr; }
      .mistakes.images { grid-template-columns: 1fr 1fr; gap: 8px; }
      .images .mistake { padding: 8px; }
      .matrix { border-spacing: 2px; font-size: 13px; }
    .matrix tbody td { min-width: 30px; height: 32px; padding: 0 2px; }
      .map circle { r: 6px; } .map #map-ring { r: 12px; }
      svg.chart text { font-size: 14px; } svg.chart .heading { font-size: 16px; }
    }
    @media print {
      nav, .legend-buttons { display: none; }
      section { break-inside: avoid; box-shadow: none; }
    }
    """
}
