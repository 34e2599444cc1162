// SPDX-License-Identifier: Apache-2.0
// Other libraries' trees by their C functions: tree_rivals WHAT LIBRARY MODEL ROWS COLUMNS ANSWERS
//
// WHAT is lightgbm_fast (a row at a time, prepared once), lightgbm, xgboost, onnxruntime, tl2cgen
// (LIBRARY is the model itself), tl2cgen_quantized or lleaves (as before). One thread each. The
// functions are looked up by name: wheels bring the libraries and no headers.
#include <dlfcn.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kernels/timing.h"
#include "ort_session.h"
#include "rows.h"

namespace {

using kernels_bench::fail;

// Computes so many rows into `answers`.
using Predict = std::function<void(const float* rows, std::size_t count, double* answers)>;

class Library {
 public:
  explicit Library(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW)) {
    if (handle_ == nullptr) fail(dlerror());
  }

  template <class Function>
  Function* find(const char* name) const {
    void* const found = dlsym(handle_, name);
    if (found == nullptr) fail(dlerror());
    return reinterpret_cast<Function*>(found);
  }

 private:
  void* handle_;
};

void must(int failed, const char* what) {
  if (failed != 0) fail(std::string(what) + " failed");
}

constexpr int kFloat32 = 0;
constexpr int kRawScore = 1;
constexpr int kRowMajor = 1;
constexpr const char* kOneThread = "num_threads=1";

Predict lightgbm(const Library& library, const std::string& model, std::size_t columns,
                 bool is_fast) {
  void* booster = nullptr;
  int iterations = 0;
  must(library.find<int(const char*, int*, void**)>("LGBM_BoosterCreateFromModelfile")(
           model.c_str(), &iterations, &booster),
       "LGBM_BoosterCreateFromModelfile");
  if (is_fast) {
    void* prepared = nullptr;
    must(library.find<int(void*, int, int, int, int, std::int32_t, const char*, void**)>(
             "LGBM_BoosterPredictForMatSingleRowFastInit")(booster, kRawScore, 0, -1, kFloat32,
                                                           static_cast<std::int32_t>(columns),
                                                           kOneThread, &prepared),
         "LGBM_BoosterPredictForMatSingleRowFastInit");
    auto* const predict = library.find<int(void*, const void*, std::int64_t*, double*)>(
        "LGBM_BoosterPredictForMatSingleRowFast");
    return [=](const float* rows, std::size_t count, double* answers) {
      std::int64_t length = 0;
      for (std::size_t i = 0; i < count; ++i) {
        must(predict(prepared, rows + i * columns, &length, answers + i), "LightGBM");
      }
    };
  }
  auto* const predict =
      library.find<int(void*, const void*, int, std::int32_t, std::int32_t, int, int, int, int,
                       const char*, std::int64_t*, double*)>("LGBM_BoosterPredictForMat");
  return [=](const float* rows, std::size_t count, double* answers) {
    std::int64_t length = 0;
    must(predict(booster, rows, kFloat32, static_cast<std::int32_t>(count),
                 static_cast<std::int32_t>(columns), kRowMajor, kRawScore, 0, -1, kOneThread,
                 &length, answers),
         "LightGBM");
  };
}

Predict xgboost(const Library& library, const std::string& model, std::size_t columns) {
  void* booster = nullptr;
  must(library.find<int(const void*, std::uint64_t, void**)>("XGBoosterCreate")(nullptr, 0,
                                                                                &booster),
       "XGBoosterCreate");
  must(library.find<int(void*, const char*)>("XGBoosterLoadModel")(booster, model.c_str()),
       "XGBoosterLoadModel");
  must(library.find<int(void*, const char*, const char*)>("XGBoosterSetParam")(booster, "nthread",
                                                                               "1"),
       "XGBoosterSetParam");
  auto* const predict =
      library.find<int(void*, const char*, const char*, void*, const std::uint64_t**,
                       std::uint64_t*, const float**)>("XGBoosterPredictFromDense");
  return [=](const float* rows, std::size_t count, double* answers) {
    char array[160];
    std::snprintf(array, sizeof array,
                  R"({"data":[%zu,true],"shape":[%zu,%zu],"typestr":"<f4","version":3})",
                  reinterpret_cast<std::size_t>(rows), count, columns);
    const std::uint64_t* shape = nullptr;
    std::uint64_t dimensions = 0;
    const float* out = nullptr;
    must(predict(booster, array,
                 R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,)"
                 R"("strict_shape":false,"cache_id":0,"missing":NaN})",
                 nullptr, &shape, &dimensions, &out),
         "XGBoosterPredictFromDense");
    for (std::size_t i = 0; i < count; ++i) answers[i] = static_cast<double>(out[i]);
  };
}

Predict onnxruntime(const std::string& library, const std::string& model, std::size_t columns) {
  auto session = std::make_shared<rivals::OrtSession>(library, model, 1);
  return [=](const float* rows, std::size_t count, double* answers) {
    float out[1024];
    const std::int64_t in_shape[] = {static_cast<std::int64_t>(count),
                                     static_cast<std::int64_t>(columns)};
    const std::int64_t out_shape[] = {static_cast<std::int64_t>(count), 1};
    session->run({rows, count * columns}, in_shape, {out, count}, out_shape);
    for (std::size_t i = 0; i < count; ++i) answers[i] = static_cast<double>(out[i]);
  };
}

// What tl2cgen's generated C takes for a value, of the type of the model's thresholds: -1 would be
// a missing one.
template <class Number>
union Entry {
  int missing;
  Number value;
};

template <class Number>
Predict tl2cgen(const Library& library, std::size_t columns) {
  auto* const predict = library.find<void(Entry<Number>*, int, Number*)>("predict");
  return [=](const float* rows, std::size_t count, double* answers) {
    std::vector<Entry<Number>> entries(columns);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t c = 0; c < columns; ++c) {
        entries[c].value = static_cast<Number>(rows[i * columns + c]);
      }
      Number out = 0;
      predict(entries.data(), 1, &out);
      answers[i] = static_cast<double>(out);
    }
  };
}

Predict tl2cgen(const Library& library, std::size_t columns) {
  const std::string threshold = library.find<const char*()>("get_threshold_type")();
  if (threshold == "float64") return tl2cgen<double>(library, columns);
  return tl2cgen<float>(library, columns);
}

Predict lleaves(const Library& library, std::size_t columns) {
  auto* const predict =
      library.find<void(const double*, double*, std::int32_t, std::int32_t)>("forest_root");
  return [=](const float* rows, std::size_t count, double* answers) {
    std::vector<double> wide(rows, rows + count * columns);
    predict(wide.data(), answers, 0, static_cast<std::int32_t>(count));
  };
}

Predict made(const std::string& what, const std::string& library, const std::string& model,
             std::size_t columns) {
  if (what == "onnxruntime") return onnxruntime(library, model, columns);
  const Library opened(library);
  if (what == "lightgbm_fast") return lightgbm(opened, model, columns, true);
  if (what == "lightgbm") return lightgbm(opened, model, columns, false);
  if (what == "xgboost") return xgboost(opened, model, columns);
  if (what == "tl2cgen" || what == "tl2cgen_quantized") return tl2cgen(opened, columns);
  if (what == "lleaves") return lleaves(opened, columns);
  fail("no rival is called " + what);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) fail("usage: tree_rivals WHAT LIBRARY MODEL ROWS COLUMNS ANSWERS");
  kernels_bench::Rows rows(arguments[4], std::stoul(arguments[5]));
  const Predict predict = made(arguments[1], arguments[2], arguments[3], rows.columns());
  std::vector<double> answers(rows.count());
  for (std::size_t at = 0; at < rows.count(); at += 1024) {
    predict(rows.first() + at * rows.columns(), std::min<std::size_t>(1024, rows.count() - at),
            answers.data() + at);
  }
  kernels_bench::write_answers(arguments[6], answers);
  std::vector<double> y(1024);
  for (const std::size_t batch : kernels_bench::kBatches) {
    const auto work = [&] { predict(rows.next(batch), batch, y.data()); };
    kernels_bench::tell("warm", batch, kernels_bench::time_calls(work, 150));
    if (batch == 1) kernels_bench::tell("cold", batch, kernels_bench::time_cold(work));
  }
}
