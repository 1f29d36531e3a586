"""A camera for tests: serves a picture and a tone at rtsp://127.0.0.1:PORT/hall to one user.

Usage: rtsp_server.py PORT NAME PASSWORD
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

STREAMS = """( videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1
  ! x264enc key-int-max=25 speed-preset=ultrafast tune=zerolatency ! rtph264pay name=pay0 pt=96
  audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1 ! avenc_aac ! rtpmp4gpay name=pay1 pt=97 )"""

port, name, password = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
factory = GstRtspServer.RTSPMediaFactory(launch=STREAMS)
authentication = GstRtspServer.RTSPAuth()
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "viewer")
authentication.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
server.set_auth(authentication)
allowed = Gst.Structure.new_from_string(
    "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
)
factory.add_role_from_structure(allowed)
server.get_mount_points().add_factory("/hall", factory)
server.attach(None)
GLib.MainLoop().run()
