"""The one list of audio files: every suffix can be decoded, and no decoder's suffix is missing."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from zoo.audio.decode import read
from zoo.audio.ffmpeg import _CONTAINERS
from zoo.audio.kinds import KINDS, SUFFIXES, is_audio, is_foreign, suffix_of

SECONDS = 0.5


def tone(rate: int) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * 440 * np.arange(round(SECONDS * rate)) / rate)


def of_soundfile(container: str, codec: str, rate: int = 16_000) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        soundfile.write(path, tone(rate), rate, format=container, subtype=codec)

    return write


def of_av(container: str, codec: str, rate: int = 48_000) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        layout = "mono" if rate == 8000 else "stereo"  # as speech codecs want it
        with av.open(str(path), "w", format=container) as file:
            stream = file.add_stream(codec, rate=rate)
            stream.layout, stream.bit_rate = layout, 12_200 if layout == "mono" else 96_000
            planes = np.stack([tone(rate)] * (1 if layout == "mono" else 2)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            for part in (frame, None):
                file.mux(stream.encode(part))

    return write


def of_bytes(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def bw64(path: Path) -> None:
    soundfile.write(path, tone(16_000), 16_000, format="RF64", subtype="PCM_16")
    path.write_bytes(b"BW64" + path.read_bytes()[4:])


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">Q", len(content)) + content


QOA = b"".join(
    [b"qoaf", struct.pack(">I", 15_360)]
    + [b"\1\0\x7d\0" + struct.pack(">HH", 5120, 2072) + bytes(2064)] * 3
)
DSD = b"\x69" * 409_600  # silence
DSF = (
    b"DSD " + struct.pack("<3Q", 28, 92 + len(DSD), 0)
    + b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2_822_400, 1, 4 * len(DSD), 4096, 0)
    + b"data" + struct.pack("<Q", 12 + len(DSD)) + DSD
)  # fmt: skip
DFF = chunk(
    b"FRM8",
    b"DSD " + chunk(b"FVER", b"\1\5\0\0")
    + chunk(
        b"PROP",
        b"SND " + chunk(b"FS  ", struct.pack(">I", 2_822_400))
        + chunk(b"CHNL", b"\0\2SLFTSRGT") + chunk(b"CMPR", b"DSD \x0enot compressed\0"),
    )
    + chunk(b"DSD ", DSD),
)  # fmt: skip
QCP = b"QLCM" + b"fmt " + struct.pack("<I", 150) + (
    b"\1\0" + bytes.fromhex("416d7f5e15b1d011ba9100805fb4b97e") + b"\2\0"
    + b"Qcelp 13K".ljust(80, b"\0") + struct.pack("<5HI", 13_000, 35, 160, 8000, 16, 4)
    + bytes((34, 4, 16, 3, 7, 2, 3, 1))
).ljust(150, b"\0") + b"vrat" + struct.pack("<III", 8, 1, 35) + (
    b"data" + struct.pack("<I", 3500) + (b"\4" + bytes(34)) * 100
)  # fmt: skip
LPCM = b"EA3\0\0\x60\xff\xff" + bytes(24) + b"\4" + bytes(63) + bytes(1 << 16)

WRITERS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(("wav", "wave", "bwf"), of_soundfile("WAV", "PCM_16")),
    "amb": of_soundfile("WAVEX", "PCM_16"),
    "rf64": of_soundfile("RF64", "PCM_16"),
    "bw64": bw64,
    "w64": of_soundfile("W64", "PCM_16"),
    **dict.fromkeys(("aif", "aiff"), of_soundfile("AIFF", "PCM_16")),
    **dict.fromkeys(("aifc", "aiffc"), of_soundfile("AIFF", "FLOAT")),
    "caf": of_soundfile("CAF", "PCM_16"),
    **dict.fromkeys(("au", "snd"), of_soundfile("AU", "PCM_16")),
    **dict.fromkeys(("flac", "fla"), of_soundfile("FLAC", "PCM_16")),
    "wv": of_av("wv", "wavpack"),
    "tta": of_av("tta", "tta"),
    "dsf": of_bytes(DSF),
    "dff": of_bytes(DFF),
    "qoa": of_bytes(QOA),
    **dict.fromkeys(("mp3", "mpga"), of_soundfile("MP3", "MPEG_LAYER_III")),
    **dict.fromkeys(("mp2", "mpa", "m2a"), of_av("mp2", "mp2")),
    "mp1": of_bytes((b"\xff\xff\x10\xc0" + bytes(28)) * 40),
    **dict.fromkeys(("aac", "adts"), of_av("adts", "aac")),
    **dict.fromkeys(("latm", "loas"), of_av("latm", "aac")),
    **dict.fromkeys(("m4a", "m4b", "m4r", "f4a"), of_av("ipod", "aac")),
    **dict.fromkeys(("mp4", "m4v", "f4v"), of_av("mp4", "aac")),
    **dict.fromkeys(("3gp", "3gpp", "3ga"), of_av("3gp", "libopencore_amrnb", 8000)),
    "3g2": of_av("3g2", "aac"),
    **dict.fromkeys(("mov", "qt"), of_av("mov", "pcm_s16le")),
    **dict.fromkeys(("ismv", "isma"), of_av("ismv", "aac")),
    **dict.fromkeys(("ogg", "oga", "ogx", "ogv", "ogm"), of_soundfile("OGG", "VORBIS")),
    "opus": of_av("ogg", "libopus"),
    **dict.fromkeys(("mka", "mkv", "mk3d"), of_av("matroska", "aac")),
    **dict.fromkeys(("webm", "weba"), of_av("webm", "libopus")),
    **dict.fromkeys(("wma", "wmv", "asf"), of_av("asf", "wmav2", 44_100)),
    "ac3": of_av("ac3", "ac3"),
    **dict.fromkeys(("eac3", "ec3"), of_av("eac3", "eac3")),
    **dict.fromkeys(("oma", "aa3", "omg"), of_bytes(LPCM)),
    "ra": of_av("rm", "real_144", 8000),
    **dict.fromkeys(("rm", "rmvb"), of_av("rm", "ac3")),
    **dict.fromkeys(("amr", "amr-nb"), of_av("amr", "libopencore_amrnb", 8000)),
    **dict.fromkeys(("awb", "amr-wb"), of_bytes(b"#!AMR-WB\n" + b"\x7c" * 50)),
    **dict.fromkeys(("ilbc", "lbc"), of_bytes(b"#!iLBC20\n" + bytes(38 * 50))),
    "qcp": of_bytes(b"RIFF" + struct.pack("<I", len(QCP)) + QCP),
    "voc": of_soundfile("VOC", "PCM_16"),
    "wve": of_soundfile("WVE", "ALAW", 8000),
    **dict.fromkeys(("avi", "divx"), of_av("avi", "mp2")),
    "flv": of_av("flv", "aac"),
    **dict.fromkeys(("ts", "mts", "m2t"), of_av("mpegts", "aac")),
    **dict.fromkeys(("mpg", "mpeg"), of_av("mpeg", "mp2")),
    "vob": of_av("vob", "mp2"),
    "nut": of_av("nut", "mp2"),
    "wtv": of_av("wtv", "mp2"),
    **dict.fromkeys(("nist", "sph"), of_soundfile("NIST", "PCM_16")),
    **dict.fromkeys(("8svx", "svx"), of_soundfile("SVX", "PCM_16")),
    "avr": of_soundfile("AVR", "PCM_16"),
    **dict.fromkeys(("paf", "fap"), of_soundfile("PAF", "PCM_16")),
    "htk": of_soundfile("HTK", "PCM_16"),
    **dict.fromkeys(("ircam", "sf"), of_soundfile("IRCAM", "PCM_16")),
    "pvf": of_soundfile("PVF", "PCM_16"),
    "sds": of_soundfile("SDS", "PCM_16"),
    "sox": of_av("sox", "pcm_s32le"),
    "xi": of_soundfile("XI", "DPCM_16", 44_100),
}
# Nothing here writes these: FFmpeg's demuxer, and its decoder.
DECODED = {
    **{"ape": ("ape", "ape"), "tak": ("tak", "tak"), "shn": ("shn", "shorten")},
    **{"mpc": ("mpc8", "mpc8"), "mp+": ("mpc", "mpc7"), "vqf": ("vqf", "twinvq")},
    **dict.fromkeys(("vqe", "vql"), ("vqf", "twinvq")),
    **{"mlp": ("mlp", "mlp"), "thd": ("truehd", "truehd"), "truehd": ("truehd", "truehd")},
    **{"dts": ("dts", "dca"), "dtshd": ("dtshd", "dca"), "spx": ("ogg", "speex")},
    **{"dss": ("dss", "dss_sp"), "gsm": ("gsm", "gsm"), "dv": ("dv", "pcm_s16le")},
    **{"mxf": ("mxf", "pcm_s24le"), "m2ts": ("mpegts", "pcm_bluray")},
    **{"xwma": ("xwma", "wmav2"), "maud": ("iff", "pcm_s16be")},
}
# What FFmpeg gives to its demuxers, and what is no sound: pictures, subtitles, lists, and files
# that are encrypted.
LEFT_OUT = {"aa", "apl", "mac", "avif", "heic", "heif", "mj2", "mks", "psp", "ism", "dif"}


def test_every_suffix_is_tried():
    assert {f".{name}" for name in WRITERS | DECODED} == SUFFIXES
    assert not WRITERS.keys() & DECODED.keys()
    assert sum(map(len, KINDS.values())) == len(SUFFIXES)


@pytest.mark.parametrize("name", WRITERS)
def test_every_suffix_is_decoded(name, tmp_path):
    WRITERS[name](tmp_path / "x")
    recording = read(tmp_path / "x")
    assert len(recording.samples) > 0.2 * recording.rate


@pytest.mark.parametrize("name", DECODED)
def test_every_other_suffix_has_a_decoder(name):
    container, codec = DECODED[name]
    assert container in _CONTAINERS
    assert av.ContainerFormat(container, "r").is_input
    assert av.Codec(codec, "r").type == "audio"


def test_no_suffix_of_a_decoder_is_missing():
    known = {name for kind in _CONTAINERS for name in av.ContainerFormat(kind, "r").extensions}
    assert {f".{name}" for name in known - LEFT_OUT} <= SUFFIXES
    assert not {f".{name}" for name in LEFT_OUT} & SUFFIXES


@pytest.mark.parametrize(
    "name", ["B.WAV", "a.b.Mp3", "x.mp3 ", " .flac", "caf\u00e9.ogg", "cafe\u0301.OGG"]
)
def test_audio_by_name(name):
    assert is_audio(name)
    assert not is_foreign(name)


@pytest.mark.parametrize(
    "name", ["wav", "x.wav.txt", ".wav", "x.mp3.part", "x.", "", "x.m3u", "wav."]
)
def test_other_names(name):
    assert not is_audio(name)


def test_suffixes_in_small_letters():
    assert suffix_of("a.b.MP3 ") == ".mp3"
    assert suffix_of("a") == suffix_of(".hidden") == ""


@pytest.mark.parametrize(
    "name",
    [
        *("._x.wav", ".DS_Store", ".Trashes", ".AppleDouble", ".hidden.wav", "__MACOSX", "Icon\r"),
        *("$RECYCLE.BIN", "$Recycle.Bin", "System Volume Information", "Thumbs.db", "THUMBS.DB"),
        *("Desktop.ini", "lost+found", "@eaDir", "#recycle"),
    ],
)
def test_names_of_other_systems(name):
    assert is_foreign(name)
