//! `camfence capture`

use std::{
    collections::BTreeMap,
    fs::File,
    future,
    io::{self, BufWriter, IsTerminal as _, Write},
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use camfence::{
    capture::{Packet, Teller, Told, Writer},
    fence::{Capturing, Fence},
    kernel::capture::{Batch, CaughtFrame},
    operations,
};
use camfence_common::{
    capture::{MAX_SNAPLEN, Wish},
    reason::Direction,
};
use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    Options,
    output::{self, Lines},
    progress::Progress,
};

/// Bytes that tell whose a frame is.
const ETHERNET_HEADER: i64 = 14;

/// How often it is looked whether the fence still tells of its frames.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only frames of this camera, by name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: Option<String>,
    /// Only frames that are dropped
    #[arg(long)]
    dropped: bool,
    /// Write pcapng to this file, or with `-` to stdout; without it, a terminal gets a line for each
    /// frame, and a pipe pcapng
    #[arg(short, long, value_name = "FILE", conflicts_with = "json")]
    write: Option<PathBuf>,
    /// Bytes of each frame, at most
    #[arg(long, value_name = "BYTES", default_value_t = MAX_SNAPLEN,
          value_parser = clap::value_parser!(u32).range(ETHERNET_HEADER..=i64::from(MAX_SNAPLEN)))]
    snaplen: u32,
    /// End after so many frames
    #[arg(long, value_name = "N")]
    count: Option<NonZero<u64>>,
    /// End after this time, such as 10m
    #[arg(long = "for", value_name = "TIME")]
    time: Option<humantime::Duration>,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let camera = arguments.camera.as_deref();
    let mac = camera.map(|camera| operations::mac_of(&config, camera)).transpose()?;
    let fence = options.fence()?;
    let wish = Wish::new(arguments.snaplen, mac, arguments.dropped);
    let output = Output::open(arguments, options.json)?;
    let ending = Ending::new(arguments.time.map(Into::into))?;
    let mut capture = Capture {
        teller: Teller::new(&config),
        interfaces: fence.interface_names().await?,
        output,
        room: arguments.count.map_or(u64::MAX, NonZero::get),
        written: 0,
    };
    let mut capturing = fence.capture(wish).await?;
    eprintln!("capturing; Ctrl-C ends it");
    let read = capture.read(&fence, &mut capturing, ending).await;
    let mut rest = Vec::new();
    let ended = capturing.end(|batch| rest.push(batch)).await;
    let lost = ended?;
    let finished = read.and_then(|in_place| {
        rest.iter().try_for_each(|batch| capture.take(batch))?;
        capture.finish(lost)?;
        Ok(in_place)
    });
    match finished {
        Ok(in_place) => {
            anyhow::ensure!(in_place, "the fence was taken down, or made anew, in between");
            Ok(ExitCode::SUCCESS)
        }
        // Nobody reads on, which is theirs to say.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What ends a capture from outside.
struct Ending {
    time: Option<Duration>,
    signals: [tokio::signal::unix::Signal; 3],
}

impl Ending {
    /// From here on the signals no longer end the process.
    fn new(time: Option<Duration>) -> anyhow::Result<Self> {
        let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [first, second, third] = signals.map(signal);
        let context = "receiving signals";
        let signals = [first.context(context)?, second.context(context)?, third.context(context)?];
        Ok(Self { time, signals })
    }

    async fn reached(self) {
        let Self { time, signals: [mut interrupt, mut terminate, mut hangup] } = self;
        let over = async {
            match time {
                Some(time) => sleep(time).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            () = over => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// A capture under way.
struct Capture {
    teller: Teller,
    /// The ports' names, by index.
    interfaces: BTreeMap<u32, String>,
    output: Output,
    /// Frames that may still come.
    room: u64,
    written: u64,
}

impl Capture {
    /// Writes frames until it ends. False if the fence no longer tells of any.
    async fn read(
        &mut self,
        fence: &Fence,
        capturing: &mut Capturing,
        ending: Ending,
    ) -> anyhow::Result<bool> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut progress = self.output.is_silent().then(Progress::new);
        let mut ended = std::pin::pin!(ending.reached());
        while self.room > 0 {
            tokio::select! {
                () = &mut ended => break,
                _ = look.tick() => {
                    self.output.check_reader()?;
                    if !capturing.is_in_place()? {
                        return Ok(false);
                    }
                }
                batch = capturing.next() => {
                    let Some(batch) = batch else { return Ok(false) };
                    if batch.iter().any(|f| !self.interfaces.contains_key(&f.caught.ifindex)) {
                        self.interfaces.append(&mut fence.interface_names().await?);
                    }
                    self.take(&batch)?;
                }
            }
            if let Some(progress) = &mut progress {
                progress.show(self.written);
            }
        }
        Ok(true)
    }

    fn take(&mut self, batch: &Batch) -> anyhow::Result<()> {
        for frame in batch {
            let name = self.interfaces.get(&frame.caught.ifindex);
            let interface = name.map_or("gone", String::as_str);
            if self.room > 0
                && let Some((direction, told)) = self.teller.tell(frame, interface)
            {
                self.output.frame(&self.teller, frame, direction, &told)?;
                self.room -= 1;
                self.written += 1;
            }
        }
        Ok(self.output.flush()?)
    }

    fn finish(self, lost: u64) -> anyhow::Result<()> {
        let Self { output, written, .. } = self;
        let silent = output.is_silent();
        output.finish(lost)?;
        if silent || lost > 0 {
            eprintln!("{written} frames captured, {lost} lost");
        }
        Ok(())
    }
}

/// Where frames go.
enum Output {
    /// pcapng, to a file or to stdout.
    Pcapng { writer: Writer<Box<dyn Write>>, to_stdout: bool },
    /// Lines for people, or JSON.
    Lines { lines: Lines, json: bool },
}

impl Output {
    fn open(arguments: &Arguments, json: bool) -> anyhow::Result<Self> {
        let stdout = Path::new("-");
        let path = arguments.write.as_deref();
        let path = path.or((!json && !io::stdout().is_terminal()).then_some(stdout));
        let Some(path) = path else { return Ok(Self::Lines { lines: Lines::new(), json }) };
        let to_stdout = path == stdout;
        let to: Box<dyn Write> = if to_stdout {
            Box::new(BufWriter::new(io::stdout().lock()))
        } else {
            let file = File::create(path);
            let file = file.with_context(|| format!("making {}", path.display()))?;
            Box::new(BufWriter::new(file))
        };
        let mut writer = Writer::new(to, arguments.snaplen)?;
        writer.flush()?;
        Ok(Self::Pcapng { writer, to_stdout })
    }

    /// Whether nothing of the frames is to be seen.
    const fn is_silent(&self) -> bool {
        matches!(self, Self::Pcapng { to_stdout: false, .. })
    }

    fn frame(
        &mut self,
        teller: &Teller,
        frame: &CaughtFrame,
        direction: Direction,
        told: &Told,
    ) -> io::Result<()> {
        match self {
            Self::Pcapng { writer, .. } => writer.packet(&Packet {
                time: teller.time(frame),
                interface: &told.interface,
                direction,
                caught: &frame.caught,
                bytes: &frame.bytes,
                comment: &format!("camfence: {told}"),
            }),
            Self::Lines { lines, json: true } => {
                lines.print(format_args!("{}", serde_json::to_string(told)?))
            }
            Self::Lines { lines, json: false } => lines.print(format_args!("{}", line(told))),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Pcapng { writer, .. } => writer.flush(),
            Self::Lines { lines, .. } => lines.flush(),
        }
    }

    /// Fails if nobody reads stdout any more. Without frames, writing does not tell.
    fn check_reader(&self) -> io::Result<()> {
        if self.is_silent() || output::has_reader() {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn finish(self, lost: u64) -> io::Result<()> {
        match self {
            Self::Pcapng { writer, .. } => {
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
                writer.finish(now, lost)
            }
            Self::Lines { mut lines, .. } => lines.flush(),
        }
    }
}

/// `12:34:56.789  driveway outbound dropped not-local  eth1  98 B  udp 192.168.1.31:5000 -> …`
fn line(told: &Told) -> String {
    let Told { time, interface, bytes, frame, .. } = told;
    // Of a timestamp, the time of the day.
    let time = time.get(11..23).unwrap_or(time);
    format!("{time}  {told}  {interface}  {bytes} B  {frame}")
}
