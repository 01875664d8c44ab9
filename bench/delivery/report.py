def report(m, runs):
    out = []
    for name, of in m.items():
        out.append(f"{name:50}" + "".join(f"{k}={v:12.2f} " for k, v in of.items()))
    return "\n".join(out)
