#include "envs/mujoco/renderer.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <string>
#include <vector>

#include "envs/error.h"
#include "envs/mujoco/model.h"

namespace costate {
namespace {

constexpr int kMaxShapes = 2000;

/// The display of the process, which is never closed: contexts of other threads may use it.
EGLDisplay display() {
  static const EGLDisplay shared = [] {
    const auto get_display = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
        eglGetProcAddress("eglGetPlatformDisplayEXT"));
    const EGLDisplay found = get_display == nullptr ? EGL_NO_DISPLAY
                                                    : get_display(EGL_PLATFORM_SURFACELESS_MESA,
                                                                  EGL_DEFAULT_DISPLAY, nullptr);
    return found != EGL_NO_DISPLAY && eglInitialize(found, nullptr, nullptr) ? found
                                                                             : EGL_NO_DISPLAY;
  }();
  if (shared == EGL_NO_DISPLAY) {
    throw Error(
        "no picture can be drawn: EGL has no surfaceless platform (Debian: libegl-mesa0 and "
        "libgl1-mesa-dri)");
  }
  return shared;
}

/// An OpenGL context, current on the calling thread while a Use lives.
class GlContext {
 public:
  GlContext() {
    constexpr EGLint kAttributes[] = {EGL_SURFACE_TYPE,
                                      EGL_PBUFFER_BIT,
                                      EGL_RENDERABLE_TYPE,
                                      EGL_OPENGL_BIT,
                                      EGL_RED_SIZE,
                                      8,
                                      EGL_GREEN_SIZE,
                                      8,
                                      EGL_BLUE_SIZE,
                                      8,
                                      EGL_DEPTH_SIZE,
                                      24,
                                      EGL_STENCIL_SIZE,
                                      8,
                                      EGL_NONE};
    EGLConfig config = nullptr;
    EGLint count = 0;
    if (eglBindAPI(EGL_OPENGL_API) && eglChooseConfig(display(), kAttributes, &config, 1, &count) &&
        count > 0) {
      context_ = eglCreateContext(display(), config, EGL_NO_CONTEXT, nullptr);
    }
    if (context_ == EGL_NO_CONTEXT) {
      throw Error("no picture can be drawn: EGL makes no OpenGL context");
    }
  }
  ~GlContext() { eglDestroyContext(display(), context_); }
  GlContext(const GlContext&) = delete;
  GlContext& operator=(const GlContext&) = delete;

  class Use {
   public:
    explicit Use(const GlContext& context) {
      if (!eglMakeCurrent(display(), EGL_NO_SURFACE, EGL_NO_SURFACE, context.context_)) {
        throw Error("no picture can be drawn: the OpenGL context cannot be used");
      }
    }
    ~Use() { eglMakeCurrent(display(), EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

 private:
  EGLContext context_ = EGL_NO_CONTEXT;
};

}  // namespace

struct Renderer::Impl {
  explicit Impl(const mjModel& original) {
    model.reset(mj_copyModel(nullptr, &original));
    for (int i = 0; i < model->ngeom; ++i) {
      if (is_floor(*model, i)) floors.push_back(spread(i));
    }
    // Round shapes of fewer corners, where the model leaves MuJoCo's 28 and 16: the picture looks
    // the same, and a small one takes half the time.
    auto& quality = model->vis.quality;
    if (quality.numslices == 28 && quality.numstacks == 16) {
      quality.numslices = 20;
      quality.numstacks = 10;
    }
    mjv_defaultOption(&option);
    mjv_defaultScene(&scene);
    mjv_makeScene(model.get(), &scene, kMaxShapes);
    mjr_defaultContext(&resources);
  }
  ~Impl() {
    mjv_freeScene(&scene);
    const GlContext::Use use(context);
    mjr_freeContext(&resources);
  }

  /// A floor that reaches as far as one sees and goes where the camera goes. MuJoCo has endless
  /// planes of its own, of 40 000 quads each, which take three times as long as all else.
  struct Floor {
    int geom;
    std::array<double, 2> period;  ///< of its texture (m)
  };

  /// Makes geom `i` such a floor.
  Floor spread(int i) {
    // Lit at their corners alone, an odd number of quads has the camera look at one of even light.
    constexpr double kQuads = 9.0;
    const double reach = model->vis.map.zfar * model->stat.extent;
    double* size = model->geom_size + 3 * i;
    Floor floor = {.geom = i, .period = {1.0, 1.0}};
    if (const int material = model->geom_matid[i]; material >= 0) {
      for (std::size_t axis = 0; axis < 2; ++axis) {
        // texrepeat counts per plane, or, where it is uniform or the plane has no end, per 2 m.
        float& repeat = model->mat_texrepeat[2 * static_cast<std::size_t>(material) + axis];
        if (!model->mat_texuniform[material] && size[axis] > 0.0) {
          repeat /= static_cast<float>(size[axis]);
        }
        if (repeat > 0.0f) floor.period[axis] = 2.0 / static_cast<double>(repeat);
      }
      model->mat_texuniform[material] = 1;
    }
    size[0] = size[1] = reach;
    size[2] = 2.0 * reach / kQuads;
    return floor;
  }

  /// Puts the floors under the camera, by whole periods of their textures.
  void place_floors(mjData& data) const {
    for (const auto& [geom, period] : floors) {
      double* at = data.geom_xpos + 3 * geom;
      const double* axes = data.geom_xmat + 9 * geom;
      std::array<double, 3> away;
      for (std::size_t k = 0; k < 3; ++k) {
        away[k] = 0.5 * (scene.camera[0].pos[k] + scene.camera[1].pos[k]) - at[k];
      }
      for (std::size_t axis = 0; axis < 2; ++axis) {
        const double along =
            axes[axis] * away[0] + axes[3 + axis] * away[1] + axes[6 + axis] * away[2];
        const double shift = period[axis] * std::round(along / period[axis]);
        for (std::size_t k = 0; k < 3; ++k) at[k] += shift * axes[3 * k + axis];
      }
    }
  }

  /// OpenGL's resources with an off-screen buffer of at least this size.
  void make_room(int width, int height) {
    if (width <= resources.offWidth && height <= resources.offHeight) return;
    model->vis.global.offwidth = std::max(width, resources.offWidth);
    model->vis.global.offheight = std::max(height, resources.offHeight);
    mjr_freeContext(&resources);
    mjr_defaultContext(&resources);
    // MuJoCo looks OpenGL's functions up the first time, into variables of the process.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    mjr_makeContext(model.get(), &resources, mjFONTSCALE_100);
    mjr_setBuffer(mjFB_OFFSCREEN, &resources);
    if (resources.currentBuffer != mjFB_OFFSCREEN) {
      throw Error("no picture can be drawn: OpenGL has no off-screen buffer of that size");
    }
  }

  mjvCamera camera(const std::string& name) const {
    mjvCamera view;
    mjv_defaultFreeCamera(model.get(), &view);
    int id = name.empty() && model->ncam > 0 ? 0 : -1;
    if (!name.empty()) {
      id = mj_name2id(model.get(), mjOBJ_CAMERA, name.c_str());
      if (id < 0) {
        std::string known;
        for (int i = 0; i < model->ncam; ++i) {
          const char* other = mj_id2name(model.get(), mjOBJ_CAMERA, i);
          if (other != nullptr) known += (known.empty() ? "" : ", ") + std::string(other);
        }
        throw UsageError("no camera \"" + name + "\"; " +
                         (known.empty() ? "the model has none" : "there is " + known));
      }
    }
    if (id >= 0) {
      view.type = mjCAMERA_FIXED;
      view.fixedcamid = id;
    }
    return view;
  }

  GlContext context;
  std::unique_ptr<mjModel, void (*)(mjModel*)> model{nullptr, mj_deleteModel};
  mjvOption option;
  mjvScene scene;
  mjrContext resources;
  std::vector<Floor> floors;
  std::vector<std::uint8_t> upside_down;
};

Renderer::Renderer(const mjModel& model) : impl_(std::make_unique<Impl>(model)) {}
Renderer::~Renderer() = default;

mjModel& Renderer::model() {
  return *impl_->model;
}

void Renderer::draw(mjData& data, const RenderOptions& options, Picture& picture) {
  Impl& impl = *impl_;
  mjvCamera camera = impl.camera(options.camera);
  const GlContext::Use use(impl.context);
  impl.make_room(options.width, options.height);
  mjv_updateCamera(impl.model.get(), &data, &camera, &impl.scene);
  impl.place_floors(data);
  mjv_updateScene(impl.model.get(), &data, &impl.option, nullptr, &camera, mjCAT_ALL, &impl.scene);
  impl.scene.flags[mjRND_SHADOW] = options.shadows;
  const mjrRect whole = {0, 0, options.width, options.height};
  mjr_render(whole, &impl.scene, &impl.resources);
  picture.resize(options.width, options.height);
  impl.upside_down.resize(picture.rgb.size());
  mjr_readPixels(impl.upside_down.data(), nullptr, whole, &impl.resources);
  const auto row = static_cast<std::ptrdiff_t>(3) * options.width;
  for (std::ptrdiff_t y = 0; y < options.height; ++y) {
    std::copy_n(impl.upside_down.begin() + (options.height - 1 - y) * row, row,
                picture.rgb.begin() + y * row);
  }
}

}  // namespace costate
