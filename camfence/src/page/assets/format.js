// Numbers and times for people. A number stays on a line with its unit.

const TOGETHER = "\u00a0";

const whole = new Intl.NumberFormat("en");
const PREFIXES = ["", "k", "M", "G", "T", "P"];

export const count = (number) => whole.format(number);

// With an SI prefix: 999 B, 1.0 kB.
export const scaled = (number, unit) => {
  let prefix = 0;
  while (number >= 999.5 && prefix + 1 < PREFIXES.length) {
    number /= 1000;
    prefix += 1;
  }
  const digits = prefix === 0 && Number.isInteger(number) ? 0 : number < 99.95 ? 1 : 0;
  return number.toFixed(digits) + TOGETHER + PREFIXES[prefix] + unit;
};

export const bytes = (number) => scaled(number, "B");

export const packets = (number) =>
  count(number) + TOGETHER + (number === 1 ? "packet" : "packets");

export const tally = (of) => `${packets(of.packets)}, ${bytes(of.bytes)}`;

// 45 s, 9:58 min, 1:02:03 h.
export const countdown = (seconds) => {
  const two = (number) => String(number).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) {
    return `${h}:${two(m)}:${two(s)} h`;
  }
  return m > 0 ? `${m}:${two(s)} min` : `${s} s`;
};

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

// How long ago an RFC 3339 time is. This machine's clock may be another.
export const ago = (time) => {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000));
  const [length, unit] = UNITS.find(([length]) => seconds >= length) ?? UNITS[3];
  return [Math.floor(seconds / length), unit, "ago"].join(TOGETHER);
};

export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

// udp/10240, icmp/3.1, 132.
export const service = ({ protocol, port, icmp }) => {
  if (port != null) {
    return `${protocol}/${port}`;
  }
  if (!icmp) {
    return protocol;
  }
  return icmp.code === 0 ? `${protocol}/${icmp.type}` : `${protocol}/${icmp.type}.${icmp.code}`;
};
