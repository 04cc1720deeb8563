"""`conclusions`: writes the conclusions of docs/experiments/transfer.md from its numbers."""

AIM = 0.6
MIN_DIFFERENCE = 0.001  # a smaller difference is chance, on so few people


def percent(value: float, digits: int = 1) -> str:
    """Format a share: 0.123 -> 12.3%."""
    return f"{100 * value:.{digits}f}%"


def conclusions(night: dict, transfer: dict, site: dict) -> str:
    """Return the last part of the document; empty without numbers."""
    lines = [
        *night_conclusion(night),
        *amounts_conclusion(list(transfer.get("amounts", {}).values())),
        *orl_conclusion(transfer.get("orl", {})),
        *site_conclusion(site),
    ]
    return "\n".join(["## What the numbers say", "", *lines]) if lines else ""


def night_conclusion(night: dict) -> list[str]:
    """Return what fine-tuning brought at night, and what it cost by day."""
    if not night:
        return []
    before, after = night["pretrained"], night["fine_tuned"]
    fall = 1 - after["night_fnmr_at_fmr_0.1%"] / before["night_fnmr_at_fmr_0.1%"]
    lines = [
        f"- **Fine-tuning takes {percent(fall, 0)} off the error of the night door** "
        f"({percent(before['night_fnmr_at_fmr_0.1%'])} to {percent(after['night_fnmr_at_fmr_0.1%'])} "
        "FNMR at FMR 0.1%), on people it never saw."
        + ("" if fall >= AIM else f" The aim was {percent(AIM, 0)}: not reached.")
    ]
    day = before["daylight_fnmr_at_fmr_0.1%"], after["daylight_fnmr_at_fmr_0.1%"]
    pairs = before["daylight_pair_accuracy_view2"], after["daylight_pair_accuracy_view2"]
    return [
        *lines,
        f"- **By day**, FNMR at FMR 0.1% goes from {percent(day[0], 2)} to {percent(day[1], 2)}, and the "
        f"accuracy on pairs from {percent(pairs[0], 2)} to {percent(pairs[1], 2)}.",
    ]


def amounts_conclusion(cells: list[dict]) -> list[str]:
    """Return whether less data, less time and a lower final error are confirmed or refuted."""
    scratch = [cell for cell in cells if cell["strategy"] == "scratch"]
    if not scratch:
        return []
    control = min(scratch, key=lambda cell: cell["night_eer"])
    rivals = [cell for cell in cells if cell["strategy"] not in {"scratch", "pretrained"}]
    untrained = next(cell for cell in cells if cell["strategy"] == "pretrained")
    goal = min(control["night_eer"], untrained["night_eer"])  # what training made worse proves nothing
    better = [cell for cell in rivals if cell["night_eer"] < goal]
    least = min(better, key=lambda cell: cell["photos_in_all"], default=control)
    fastest = min(better, key=lambda cell: cell["cpu_seconds"], default=control)
    best = min(rivals, key=lambda cell: cell["night_eer"])
    less_data = least["photos_in_all"] < control["photos_in_all"]
    less_time = fastest["cpu_seconds"] < control["cpu_seconds"]
    lines = [
        f"- **Less data: {verdict(less_data)}.** `{least['strategy']}` with {least['photos_in_all']} "
        f"photographs: {percent(least['night_eer'])} EER; the best of scratch, with "
        f"{control['photos_in_all']}: {percent(control['night_eer'])}.",
        f"- **Less time: {verdict(less_time)}.** `{fastest['strategy']}` needs {fastest['cpu_seconds']:.0f} "
        f"CPU seconds for {percent(fastest['night_eer'])}; scratch took {control['cpu_seconds']:.0f} for "
        f"{percent(control['night_eer'])}.",
        f"- **Ends better: {verdict(best['night_eer'] < control['night_eer'])} within these budgets.** Best "
        f"of transfer {percent(best['night_eer'])} (`{best['strategy']}`), best of scratch "
        f"{percent(control['night_eer'])}. Whether scratch would catch up with millions of photographs and "
        "days of training is not answered: no door has them.",
    ]
    worse = [cell for cell in rivals if cell["night_eer"] >= untrained["night_eer"]]
    if worse:
        named = "; ".join(
            f"`{strategy}` with {sum(cell['strategy'] == strategy for cell in worse)} of its "
            f"{sum(cell['strategy'] == strategy for cell in rivals)} amounts"
            for strategy in sorted({cell["strategy"] for cell in worse})
        )
        lines.append(
            "- **Not every transfer helps.** No better than the untouched network at night "
            f"({percent(untrained['night_eer'])}): {named}."
        )
    return lines


def verdict(holds: bool) -> str:
    """Return the verdict on a claim."""
    return "confirmed" if holds else "refuted"


def orl_conclusion(orl: dict) -> list[str]:
    """Return what training for another camera brought."""
    if "pretrained" not in orl or len(orl) == 1:
        return []
    untrained = orl["pretrained"]
    trained = [cell for cell in orl.values() if cell["strategy"] not in {"pretrained", "scratch"}]
    best = min(trained, key=lambda cell: cell["eer"])
    dearest = max(trained, key=lambda cell: cell["day_eer"])
    start, end = percent(untrained["eer"], 2), percent(best["eer"], 2)
    if untrained["eer"] <= best["eer"] + MIN_DIFFERENCE:
        words = (
            "- **Another camera alone is no reason to train: refuted on ORL.** The untouched network has "
            f"{start} EER there and nothing to gain (best trained: `{best['strategy']}`, {end})"
        )
    else:
        words = f"- **ORL**: `{best['strategy']}` takes the EER from {start} to {end}"
    cost = ""
    if dearest["day_eer"] > untrained["day_eer"] + MIN_DIFFERENCE:
        cost = (
            f", and `{dearest['strategy']}` on 20 people costs everybody else: LFW in daylight goes from "
            f"{percent(untrained['day_eer'], 2)} to {percent(dearest['day_eer'], 2)}. "
            "That is what the gate of `doorward retrain` refuses"
        )
    return [words + cost + "."]


def site_conclusion(site: dict) -> list[str]:
    """Return which runs the gate promoted and which it refused."""
    if not site:
        return []
    runs = [f"`{run['strategy']}` at a {run['camera']} camera" for run in site["runs"]]
    passed = [words for words, run in zip(runs, site["runs"], strict=True) if run["outcome"] == "promoted"]
    refused = [words for words in runs if words not in passed]
    return [
        f"- **The gate tells them apart.** Of a site's runs it promotes {', '.join(passed) or 'none'} and "
        f"refuses {', '.join(refused) or 'none'}."
    ]
