/** Looks of the report, and the few lines that sort a table. */
export const style = `
:root{color-scheme:light;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;color:#26262c;background:#fff}
body{margin:0}main{max-width:1320px;margin:0 auto;padding:32px 28px 64px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:0 0 8px}
.sub{color:#6d6d78;font-weight:400;font-size:14px;margin:0}
aside{background:#f3f3f5;border-left:4px solid #b9b9c4;border-radius:4px;padding:10px 16px;margin:18px 0;font-size:14px}
aside.warn{background:#fff6e5;border-color:#c47800}aside ul{margin:4px 0;padding-left:20px}
section{margin:17px 0}.pair{display:flex;flex-wrap:wrap;gap:0 48px}.scroll{overflow-x:auto}
table{border-collapse:separate;border-spacing:2px;font-variant-numeric:tabular-nums}
th,td{padding:5px 12px;text-align:right;white-space:nowrap}td{min-width:52px}
table.heat td,table.heat thead th:not(:first-child){text-align:center}
tbody th{text-align:left;font-weight:400;position:sticky;left:0;background:#fff;max-width:420px;overflow-wrap:anywhere;white-space:normal}
tr.base th{font-weight:700}tr.base+tr:not(.base) td,tr.base+tr:not(.base) th{border-top:6px solid #fff}
td small{display:block;font-size:11px;opacity:.85}
table.heat td:last-child,table.heat th:last-child{border-left:6px solid #fff}
table.list td{border-bottom:1px solid #e2e2e6}table.list tbody th{border-bottom:1px solid #e2e2e6}
thead button{font:inherit;font-size:13px;color:#6d6d78;background:none;border:0;padding:0;cursor:pointer}
thead th:first-child{text-align:left}thead button:hover{color:#26262c}
thead th[aria-sort] button{color:#26262c;font-weight:700}
thead th[aria-sort=ascending] button::after{content:" ↑"}thead th[aria-sort=descending] button::after{content:" ↓"}
figure{margin:0;overflow-x:auto}figure svg{max-width:100%;height:auto}details{margin:10px 0}summary{cursor:pointer;color:#6d6d78}
@media print{main{max-width:none;padding:0}.scroll{overflow:visible}td{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;

/** First click: the largest on top; names from A. What has no number stays below. */
export const script = `
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const first = column === 0 ? "ascending" : "descending";
    const now = head.getAttribute("aria-sort");
    const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const key = (row) => row.cells[column].dataset.v;
    const words = new Intl.Collator("en", { numeric: true });
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x !== undefined && y !== undefined) return sign * (x - y);
      if (x !== undefined || y !== undefined) return x === undefined ? 1 : -1;
      return sign * words.compare(a.cells[column].textContent, b.cells[column].textContent);
    });
    body.append(...rows);
  }));
}
`;
