// What lies on the disk, and whether it is elsewhere too.

import { bytes, count, facts, h, table, time } from "../dom.js";
import { get } from "../net.js";
import { panel } from "../panel.js";
import { hrefOf } from "./overview.js";

export function archive(main, _words, { signal, heading }) {
  heading("Archive");
  panel(main, "What lies there", async () => {
    const told = await get("/v1/operations/archive", {}, signal);
    return h("div", {}, facts([["Size", bytes(told.bytes)], ["Files", count(told.files)], ["Feeds", count(told.feeds.length)]]),
      table("By feed", [
        ["Feed", (each) => h("a", { href: hrefOf(each.feed) }, each.feed)], ["Days", (each) => count(each.days), "num"],
        ["Raw", (each) => bytes(each.raw_bytes), "num"], ["Tables", (each) => bytes(each.table_bytes), "num"],
        ["Segments", (each) => count(each.segments), "num"], ["Open", (each) => count(each.open), "num"],
        ["Manifests", (each) => count(each.manifests), "num"], ["Uploads", uploads],
        ["First", (each) => time(each.first), "time"], ["Last", (each) => time(each.last), "time"],
      ], told.feeds, "nothing is recorded here yet."));
  }, { signal, needs: "quality:read", every: 15000 });
}

function uploads(each) {
  if (each.uploaded === null || each.uploaded === undefined) return "not uploaded";
  const { files, waiting, failed } = each.uploaded;
  return [count(files), " files, ", count(waiting), " waiting, ", count(failed), " failed"];
}
