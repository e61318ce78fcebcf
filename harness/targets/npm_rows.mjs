// Encodes and decodes bench rows with the official TypeScript SDK.
//
// Takes one JSON argument: {"package": folder with node_modules, "rows": n, "repeat": n}. Prints one
// JSON line with CPU seconds of each repetition: what the SDK's own code takes, nothing else.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { createHash } from 'node:crypto';

const { package: folder, rows: count, repeat } = JSON.parse(process.argv[2]);
const require = createRequire(`${folder}/`);
const { AlgebraicType, BinaryReader, BinaryWriter, ProductType } = await import(
  pathToFileURL(require.resolve('spacetimedb').replace(/\.cjs$/, '.mjs'))
);

const type = {
  elements: [
    { name: 'id', algebraicType: AlgebraicType.U64 },
    { name: 'x', algebraicType: AlgebraicType.F32 },
    { name: 'y', algebraicType: AlgebraicType.F32 },
    { name: 'z', algebraicType: AlgebraicType.F32 },
    { name: 'hp', algebraicType: AlgebraicType.I32 },
    { name: 'alive', algebraicType: AlgebraicType.Bool },
    { name: 'name', algebraicType: AlgebraicType.String },
  ],
};
const serialize = ProductType.makeSerializer(type);
const deserialize = ProductType.makeDeserializer(type);
const rows = Array.from({ length: count }, (_, i) => ({
  id: BigInt(i),
  x: i / 2,
  y: i / 4,
  z: i / 8,
  hp: i % 1000,
  alive: i % 2 === 0,
  name: `item-${String(i).padStart(7, '0')}`,
}));

function cpuSeconds(work) {
  const before = process.cpuUsage();
  work();
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 1e6;
}

let bytes;
let decoded;
const result = { encode_cpu_s: [], decode_cpu_s: [] };
for (let i = 0; i < repeat; i++) {
  result.encode_cpu_s.push(
    cpuSeconds(() => {
      const writer = new BinaryWriter(1024);
      for (const row of rows) serialize(writer, row);
      bytes = writer.getBuffer();
    })
  );
  result.decode_cpu_s.push(
    cpuSeconds(() => {
      const reader = new BinaryReader(bytes);
      decoded = [];
      while (reader.remaining > 0) decoded.push(deserialize(reader));
    })
  );
}
if (decoded.length !== count || decoded[count - 1].name !== rows[count - 1].name) {
  throw new Error('the rows did not come back');
}
result.sha256 = createHash('sha256').update(bytes).digest('hex');
result.bytes = bytes.length;
result.node = process.version;
console.log(JSON.stringify(result));
